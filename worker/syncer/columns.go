package syncer

import (
	"fmt"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/fault"
)

// The types of MariaDB's compressed columns, which go-mysql does not name.
const (
	mariaBlobCompressed    = 140
	mariaVarcharCompressed = 141
)

// columns looks at the types of the rows that come next, before rows that
// cannot be read are met.
func (g *grouper) columns(h *replication.EventHeader, e *replication.TableMapEvent) error {
	for i, typ := range e.ColumnType {
		if typ != mariaBlobCompressed && typ != mariaVarcharCompressed {
			continue
		}
		if !g.include(string(e.Schema), string(e.Table)) {
			continue
		}
		name := fmt.Sprintf("number %d", i+1)
		if i < len(e.ColumnName) {
			name = string(e.ColumnName[i])
		}
		return &fault.Error{Kind: fault.Unsupported, Side: fault.Upstream, Code: codeGetEvent,
			Msg: fmt.Sprintf("not supported yet: column %s of %s.%s is COMPRESSED (%s)", name, e.Schema, e.Table, g.at(h)),
			Hint: "run ALTER TABLE ... MODIFY without COMPRESSED on the source and copy the table anew; " +
				"or exclude it in the task's block-allow-list, where its rows still cannot be read"}
	}
	return nil
}
