package syncer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
)

// tape writes binlog events one after the other into a grouper.
type tape struct {
	t   *testing.T
	g   *grouper
	pos uint32
	out []string
	err error
	// each, where it is set, gets what the grouper hands on.
	each func(*Txn) error
}

func newTape(t *testing.T, flavor string, byGTID bool, maxBytes int64) *tape {
	t.Helper()
	set, err := binlog.ParseGTIDSet(flavor, "")
	if err != nil {
		t.Fatal(err)
	}
	from := binlog.Location{Position: binlog.Position{Name: "b.000001", Pos: 4}, GTID: set}
	include := func(_, table string) bool { return table != "other" }
	return &tape{t: t, g: newGrouper(from, flavor, byGTID, maxBytes, include), pos: 4}
}

// put gives the grouper one event of 100 bytes.
func (p *tape) put(kind replication.EventType, e any) {
	p.t.Helper()
	p.pos += 100
	h := &replication.EventHeader{EventType: kind, LogPos: p.pos, EventSize: 100, Timestamp: 7}
	err := p.g.event(h, e, func(t *Txn) error {
		p.out = append(p.out, show(t))
		if p.each != nil {
			return p.each(t)
		}
		return nil
	})
	p.err = errors.Join(p.err, err)
}

func show(t *Txn) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d-%d", t.Begin.Pos, t.End.Position.Pos)
	if t.GTID != "" {
		fmt.Fprintf(&b, " %s of {%s}", t.GTID, t.End.GTID)
	}
	if t.Part > 0 {
		fmt.Fprintf(&b, " part %d after %d rows", t.Part, t.RowsBefore)
	}
	if t.DDL != nil {
		fmt.Fprintf(&b, " %q", t.DDL.Text)
	}
	if t.xa != nil {
		b.WriteString(showXA(t.xa))
	}
	for _, r := range t.Rows {
		fmt.Fprintf(&b, " %s %v", r.Kind, append(valuesOf(r.Before), valuesOf(r.After)...))
	}
	if !t.Last {
		b.WriteString(" ...")
	}
	return b.String()
}

func (p *tape) maria(seq uint64, flags byte) {
	p.t.Helper()
	p.put(replication.MARIADB_GTID_EVENT, &replication.MariadbGTIDEvent{
		GTID: gomysql.MariadbGTID{DomainID: 0, ServerID: 1, SequenceNumber: seq}, Flags: flags})
}

func (p *tape) query(text string) {
	p.t.Helper()
	p.put(replication.QUERY_EVENT, &replication.QueryEvent{Query: []byte(text), Schema: []byte("d")})
}

func (p *tape) xid() { p.t.Helper(); p.put(replication.XID_EVENT, &replication.XIDEvent{}) }

// rows puts an insert of rows with one column; an absent value is a row that
// lacks it.
func (p *tape) rows(table string, values ...any) {
	p.t.Helper()
	p.put(replication.WRITE_ROWS_EVENTv1, p.insert(table, values...))
}

func (p *tape) insert(table string, values ...any) *rowevent.Rows {
	p.t.Helper()
	const kind = byte(replication.WRITE_ROWS_EVENTv1)
	columns, rows := []string{"int"}, make([][]any, len(values))
	for i, v := range values {
		rows[i] = []any{v}
	}
	e := rowtest.Rows(p.t, rowtest.TableMap(p.t, 1, "d", table, columns), kind, rowtest.RowsEvent(p.t, kind, 1, columns, rows...))
	if !p.g.include("d", table) {
		e.Images = nil
	}
	return &e
}

func (p *tape) want(lines ...string) {
	p.t.Helper()
	if p.err != nil {
		p.t.Errorf("error: %v", p.err)
	}
	if diff := cmp.Diff(lines, p.out); diff != "" {
		p.t.Errorf("transactions (-want +got):\n%s", diff)
	}
}

// TestGroupMariaDB: a GTID event begins, XID or COMMIT ends, and a standalone
// one is followed by one statement.
func TestGroupMariaDB(t *testing.T) {
	p := newTape(t, binlog.MariaDB, false, 1<<20)
	p.maria(1, 0)
	p.rows("a", 1, 2)
	p.rows("other", 3)
	p.xid()
	p.maria(2, replication.BINLOG_MARIADB_FL_STANDALONE|replication.BINLOG_MARIADB_FL_DDL)
	p.query("CREATE TABLE x (i int)")
	p.maria(3, 0)
	p.rows("a", 4)
	p.query("COMMIT") // a table without transactions
	p.maria(4, 0)
	p.rows("a", 5)
	p.query("ROLLBACK")
	p.want(
		"4-404 0-1-1 of {0-1-1} insert [1] insert [2]",
		`404-604 0-1-2 of {0-1-2} "CREATE TABLE x (i int)"`,
		"604-904 0-1-3 of {0-1-3} insert [4]",
		"904-1204 0-1-4 of {0-1-4}",
	)
}

// TestGroupAnonymous: MySQL without GTIDs, with and without the anonymous GTID event.
func TestGroupAnonymous(t *testing.T) {
	p := newTape(t, binlog.MySQL, false, 1<<20)
	p.put(replication.ANONYMOUS_GTID_EVENT, &replication.GTIDEvent{SID: make([]byte, 16)})
	p.query("BEGIN")
	p.rows("a", 1)
	p.xid()
	p.query("BEGIN")
	p.rows("a", 2)
	p.query("COMMIT")
	p.put(replication.ANONYMOUS_GTID_EVENT, &replication.GTIDEvent{SID: make([]byte, 16)})
	p.query("DROP TABLE a")
	p.want("4-404 insert [1]", "404-704 insert [2]", `704-904 "DROP TABLE a"`)
}

// TestGroupCountsGTIDAtCommit: a connection that breaks between the GTID event
// and the XID must not make the transaction look read (peer-bugs 41).
func TestGroupCountsGTIDAtCommit(t *testing.T) {
	p := newTape(t, binlog.MariaDB, true, 1<<20)
	p.maria(1, 0)
	p.rows("a", 1)
	if !p.g.loc.GTID.IsEmpty() {
		t.Fatalf("the open transaction is counted: %s", p.g.loc)
	}
	p.g.reconnect()
	p.pos = 4
	p.maria(1, 0)
	p.rows("a", 1)
	p.xid()
	p.want("4-304 0-1-1 of {0-1-1} insert [1]")
}

// TestGroupCuts: a large transaction comes in pieces; after a break its rows
// that were handed on do not come again.
func TestGroupCuts(t *testing.T) {
	p := newTape(t, binlog.MariaDB, false, 2*(rowOverhead+valueOverhead+5))
	large := func(upTo int) {
		p.pos = 4
		p.maria(1, 0)
		for i := 1; i <= upTo; i++ {
			p.rows("a", i, -i)
		}
	}
	large(3)
	p.g.reconnect()
	large(5)
	p.xid()
	p.want(
		"4-0 0-1-1 of {} part 1 after 0 rows insert [1] insert [-1] insert [2] insert [-2] ...",
		"4-0 0-1-1 of {} part 2 after 4 rows insert [3] insert [-3] insert [4] insert [-4] ...",
		"4-704 0-1-1 of {0-1-1} part 3 after 8 rows insert [5] insert [-5]",
	)
}

// TestGroupCreateSelect: the statement inside the transaction is a piece of its own.
func TestGroupCreateSelect(t *testing.T) {
	p := newTape(t, binlog.MariaDB, false, 1<<20)
	p.maria(1, 0)
	p.query("CREATE TABLE c (i int)")
	p.rows("c", 1)
	p.xid()
	p.want(
		`4-0 0-1-1 of {} part 1 after 0 rows "CREATE TABLE c (i int)" ...`,
		"4-404 0-1-1 of {0-1-1} part 2 after 0 rows insert [1]",
	)
}

// TestGroupRefusesPartialImages: a row that lacks a column is never guessed.
func TestGroupRefusesPartialImages(t *testing.T) {
	p := newTape(t, binlog.MariaDB, false, 1<<20)
	p.maria(1, 0)
	p.rows("a", rowtest.Absent)
	var f *fault.Error
	if !errors.As(p.err, &f) || f.Code != codeMissingColumn || f.Hint == "" {
		t.Errorf("error: %v", p.err)
	}
}

// TestGroupGTIDStartDoesNotGoBack: by GTID a server begins to read before the
// place where we are; the position stays.
func TestGroupGTIDStartDoesNotGoBack(t *testing.T) {
	p := newTape(t, binlog.MariaDB, true, 1<<20)
	p.g.loc.Position.Pos = 5000
	p.put(replication.FORMAT_DESCRIPTION_EVENT, &replication.FormatDescriptionEvent{})
	p.put(replication.MARIADB_GTID_LIST_EVENT, &replication.MariadbGTIDListEvent{})
	if p.want(); p.g.loc.Position.Pos != 5000 {
		t.Errorf("at %s", p.g.loc)
	}
}

// TestGroupTaggedGTID: MySQL 9 gives GTIDs tags; they count in sets of their own.
func TestGroupTaggedGTID(t *testing.T) {
	p := newTape(t, binlog.MySQL, true, 1<<20)
	id := uuid.MustParse("3e11fa47-71ca-11e1-9e33-c80aa9429562")
	for i, tag := range []string{"", "blue", "blue", ""} {
		e := replication.GTIDEvent{SID: id[:], Tag: gomysql.NewTag(tag), GNO: int64(1 + i/2)}
		p.put(replication.GTID_TAGGED_LOG_EVENT, &replication.GtidTaggedLogEvent{GTIDEvent: e})
		p.query("BEGIN")
		p.rows("a", i)
		p.xid()
	}
	p.want(
		"4-404 "+id.String()+":1 of {"+id.String()+":1} insert [0]",
		"404-804 "+id.String()+":blue:1 of {"+id.String()+":1:blue:1} insert [1]",
		"804-1204 "+id.String()+":blue:2 of {"+id.String()+":1:blue:1-2} insert [2]",
		"1204-1604 "+id.String()+":2 of {"+id.String()+":1-2:blue:1-2} insert [3]",
	)
}
