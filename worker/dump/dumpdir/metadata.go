package dumpdir

import (
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/binlog"
)

// metadataTime is how mydumper writes times.
const metadataTime = "2006-01-02 15:04:05"

// Metadata gives the text of the metadata file in mydumper's form, for people
// and tools that look there for the position of a dump. A second position is
// where a replay from the first on has caught up with all rows, under the
// heading that dumpling gives it.
func Metadata(m *Manifest) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Started dump at: %s\n", m.Started.Format(metadataTime))
	place := func(heading string, at binlog.Location) {
		fmt.Fprintf(&b, "SHOW MASTER STATUS:%s\n\tLog: %s\n\tPos: %d\n\tGTID:%s\n\n", heading, at.Position.Name, at.Position.Pos, at.GTID)
	}
	place("", m.Snapshot)
	if newest := m.Newest(); newest.Position != m.Snapshot.Position || !newest.GTID.Equal(m.Snapshot.GTID) {
		place(" /* AFTER CONNECTION POOL ESTABLISHED */", newest)
	}
	fmt.Fprintf(&b, "Finished dump at: %s\n", m.Finished.Format(metadataTime))
	return []byte(b.String())
}
