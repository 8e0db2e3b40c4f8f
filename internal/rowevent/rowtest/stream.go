package rowtest

import (
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/testbed"
)

// Event is a rows event of a real server.
type Event struct {
	rowevent.Rows
	// Oracle is the same event as go-mysql reads it, OracleErr why it cannot.
	Oracle    *replication.RowsEvent
	OracleErr error
}

// Follow reads the binlog of a server from its present end on. The answer gives
// the next rows event, and ends the test when there is none.
func Follow(t *testing.T, server *testbed.Server, flavor string) (next func() Event) {
	t.Helper()
	db := server.DB()
	query := "SHOW MASTER STATUS"
	if flavor == mysql.MySQLFlavor {
		query = "SHOW BINARY LOG STATUS"
	}
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil || !rows.Next() {
		t.Fatal("no place in the binlog", err)
	}
	var at mysql.Position
	into := []any{&at.Name, &at.Pos}
	for len(into) < len(names) {
		into = append(into, new(any))
	}
	if err := rows.Scan(into...); err != nil {
		t.Fatal(err)
	}
	cfg := server.Config()
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{
		ServerID: 4711, Flavor: flavor, Host: cfg.Host, Port: uint16(cfg.Port), User: cfg.User, Password: cfg.Password.Reveal(), RawModeEnabled: true,
	})
	t.Cleanup(syncer.Close)
	stream, err := syncer.StartSync(at)
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{decoder: rowevent.NewDecoder(), oracle: replication.NewBinlogParser()}
	f.oracle.SetFlavor(flavor)
	f.oracle.SetTimestampStringLocation(time.UTC)
	return func() Event {
		t.Helper()
		for {
			e, err := stream.GetEvent(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if out, ok := f.event(t, e); ok {
				return out
			}
		}
	}
}

// follower reads each event twice.
type follower struct {
	decoder *rowevent.Decoder
	oracle  *replication.BinlogParser
}

// event answers for rows events; body and checksum are parted already.
func (f *follower) event(t *testing.T, e *replication.BinlogEvent) (Event, bool) {
	t.Helper()
	theirs, theirErr := f.oracle.Parse(e.RawData)
	raw, ok := e.Event.(*replication.GenericEvent)
	if !ok {
		return Event{}, false
	}
	typ := byte(e.Header.EventType)
	if e.Header.EventType == replication.TABLE_MAP_EVENT {
		if _, err := f.decoder.TableMap(raw.Data); err != nil {
			t.Fatal(err)
		}
	}
	if !f.decoder.IsRows(typ) {
		return Event{}, false
	}
	rows, err := f.decoder.Rows(typ, raw.Data, func(*rowevent.Table) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	out := Event{Rows: rows, OracleErr: theirErr}
	if theirErr == nil {
		out.Oracle, _ = theirs.Event.(*replication.RowsEvent)
	}
	return out, true
}
