package dumpdir

import (
	"fmt"
	"strings"
	"time"

	"github.com/raftdm/raftdm/internal/binlog"
)

// metadataTime is how mydumper writes times.
const metadataTime = "2006-01-02 15:04:05"

// Metadata gives the text of the metadata file in mydumper's form, for people
// and tools that look there for the position of a dump.
func Metadata(started, finished time.Time, at binlog.Location) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Started dump at: %s\n", started.Format(metadataTime))
	fmt.Fprintf(&b, "SHOW MASTER STATUS:\n\tLog: %s\n\tPos: %d\n\tGTID:%s\n\n", at.Position.Name, at.Position.Pos, at.GTID)
	fmt.Fprintf(&b, "Finished dump at: %s\n", finished.Format(metadataTime))
	return []byte(b.String())
}
