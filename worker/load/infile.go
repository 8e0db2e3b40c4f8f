package load

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/load/sqlfile"
)

// Rows of our own files go to a MySQL or MariaDB with LOAD DATA LOCAL INFILE, which
// reads them as they stand in their INSERT and without its SQL parser: that saves a
// quarter of the server's time. Whatever the server does not take without a word is
// rolled back and executed as the INSERT that it is, whose answer counts.

// errUnlike means that LOAD DATA did not do what the INSERT may do.
var errUnlike = errors.New("not the same as INSERT")

// infile is what is known of LOAD DATA into one table.
type infile struct {
	mu sync.Mutex
	// mu guards the following.
	head string // of the INSERTs that columns are for
	fits bool   // the columns are alike on both sides

	refused atomic.Bool // it did not do, and is not tried again
}

// infileSent counts what was sent, so that each has a name of its own.
var infileSent atomic.Int64

// probeRows is enough for servers that commit within a LOAD DATA: older Galera
// clusters with wsrep_load_data_splitting do so every 10,000 rows.
const probeRows = 25_000

// askInfile finds out whether the target takes LOAD DATA LOCAL INFILE, and as part
// of a transaction. What stands in the way is no failure of the load.
func (r *run) askInfile(ctx context.Context) error {
	if r.db.Server.TiDB {
		return nil
	}
	const op = "find out whether the target takes LOAD DATA"
	var on bool
	if err := r.db.QueryRowContext(ctx, "SELECT @@GLOBAL.local_infile").Scan(&on); err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	if !on {
		r.log.Info("rows go to the target as INSERT: its local_infile is off")
		return nil
	}
	left, err := r.probeInfile(ctx)
	// A target that cannot take rows now does not tell how it takes them.
	if failed := dbconn.Error(fault.Downstream, op, err); ctx.Err() != nil || fault.Is(failed, fault.Unavailable) {
		return failed
	}
	if r.localInfile = err == nil && left == 0; !r.localInfile {
		r.log.Warn("rows go to the target as INSERT: LOAD DATA does not work there, or is not undone by ROLLBACK", "rows that stayed", left, "error", err)
	}
	return nil
}

// probeInfile loads rows, rolls them back and tells how many are there then.
func (r *run) probeInfile(ctx context.Context) (left int, err error) {
	name, err := r.cfg.Meta.Probe(ctx)
	if err != nil {
		return 0, err
	}
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	source := literal(r.cfg.Subtask.SourceID)
	rows := &loadData{rows: probeRows, data: []io.Reader{strings.NewReader(strings.Repeat("(1),\n", probeRows))},
		text: "INTO TABLE " + name + " " + sqlfile.InfileFormat + " (n) SET source = " + source}
	if err := errors.Join(send(ctx, tx, rows), tx.Rollback()); err != nil {
		return 0, err
	}
	if err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+name+" WHERE source = "+source).Scan(&left); err != nil || left == 0 {
		return left, err
	}
	_, err = r.cfg.Meta.Probe(ctx)
	return left, err
}

// tryInfile puts a batch into the target with LOAD DATA. done is false when it has to
// be executed as it is; nothing of it is on the target then.
func (l *lane) tryInfile(ctx context.Context, it item, next checkpoint.Chunk, b batch) (done bool, err error) {
	state := &it.table.infile
	if !l.localInfile || state.refused.Load() {
		return false, nil
	}
	load, err := l.infileOf(ctx, it, b)
	if err != nil || load == nil {
		return false, err
	}
	err = l.transaction(ctx, next, b, func(tx *sql.Tx) (statement, error) { return b.statements[0], send(ctx, tx, load) })
	if err == nil || fault.Transient(err) || ctx.Err() != nil {
		return true, err
	}
	var at *refusal
	if !errors.As(err, &at) && !errors.Is(err, errUnlike) {
		return true, err
	}
	if !state.refused.Swap(true) {
		l.log.Info("rows go to the table as INSERT, since LOAD DATA does not do", "table", dbconn.Ident(it.table.to.Schema, it.table.to.Table), "error", err)
	}
	return false, nil
}

// loadData is one LOAD DATA.
type loadData struct {
	text string // behind the name of what is read
	rows int64
	data []io.Reader
}

// infileOf makes the LOAD DATA of a batch; nil when there is none that does the same.
func (l *lane) infileOf(ctx context.Context, it item, b batch) (*loadData, error) {
	var (
		out   loadData
		first []byte
		forms []sqlfile.Form // of all statements
		names []string
	)
	for i, s := range b.statements {
		text, err := l.toTarget(it, s.text)
		if err != nil {
			return nil, fault.Wrap(place(it, s), err)
		}
		head, rows, columns, ok := sqlfile.InfileHead(text)
		if !ok || s.invalid > 0 || i > 0 && !bytes.Equal(head, first) {
			return nil, nil
		}
		if i == 0 {
			fits, err := l.fitsInfile(ctx, it.table, string(head), columns)
			if err != nil || !fits {
				return nil, err
			}
			first, names, forms = head, columns, make([]sqlfile.Form, len(columns))
		}
		now := make([]sqlfile.Form, len(columns))
		n, ok := sqlfile.Infile(rows, now)
		if !ok || n != s.rows {
			return nil, nil
		}
		for j := range forms {
			if forms[j] |= now[j]; forms[j] == sqlfile.Plain|sqlfile.Hex {
				return nil, nil
			}
		}
		out.rows += n
		end := len(rows) - len(";\n")
		out.data = append(out.data, bytes.NewReader(rows[:end]), strings.NewReader(",\n"))
	}
	out.text = infileText(it.table.to.Table, names, forms)
	return &out, nil
}

// infileText is a LOAD DATA without the name of what is read.
func infileText(table string, columns []string, forms []sqlfile.Form) string {
	var into, set []string
	for i, c := range columns {
		name := dbconn.Ident(c)
		if forms[i] != sqlfile.Hex {
			into = append(into, name)
			continue
		}
		value := "@raftdm_" + strconv.Itoa(i)
		into = append(into, value)
		set = append(set, fmt.Sprintf("%s = UNHEX(SUBSTRING(%s, 3, LENGTH(%s) - 3))", name, value, value))
	}
	text := "INTO TABLE " + dbconn.Ident(table) + " " + sqlfile.InfileFormat + " (" + strings.Join(into, ",") + ")"
	if len(set) > 0 {
		text += " SET " + strings.Join(set, ", ")
	}
	return text
}

// send executes a LOAD DATA. With LOCAL a server leaves out or alters what it cannot
// take, says so with a warning, and counts the rows that it took.
func send(ctx context.Context, tx *sql.Tx, load *loadData) error {
	name := "raftdm-load-" + strconv.FormatInt(infileSent.Add(1), 10)
	mysql.RegisterReaderHandler(name, func() io.Reader { return io.MultiReader(load.data...) })
	defer mysql.DeregisterReaderHandler(name)
	res, err := tx.ExecContext(ctx, "LOAD DATA LOCAL INFILE 'Reader::"+name+"' "+load.text)
	if err != nil {
		return err
	}
	var warnings int64
	if err := tx.QueryRowContext(ctx, "SELECT @@SESSION.warning_count").Scan(&warnings); err != nil {
		return dbconn.Error(fault.Downstream, "count the warnings of a LOAD DATA", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if warnings > 0 || n != load.rows {
		return fmt.Errorf("%w: %d rows of %d, %d warnings", errUnlike, n, load.rows, warnings)
	}
	return nil
}

// fitsInfile tells whether LOAD DATA may do for the INSERTs with this head: where a
// column has another type than the source's, or is not given at all, a text may mean
// something else than the literal does. What cannot be read on either side is left
// to INSERT, whose answer counts.
func (l *lane) fitsInfile(ctx context.Context, t *table, head string, columns []string) (bool, error) {
	t.infile.mu.Lock()
	defer t.infile.mu.Unlock()
	if t.infile.head == head {
		return t.infile.fits, nil
	}
	text, err := t.text()
	if err != nil || text == "" {
		return false, err
	}
	source, unreadable := schema.Parse(text, "", t.Schema)
	text, err = l.run.db.CreateTable(ctx, schema.Name{Schema: t.to.Schema, Table: t.to.Table})
	if err != nil && fault.Transient(err) {
		return false, err
	}
	if err != nil {
		return false, nil //nolint:nilerr // such as a table that was dropped
	}
	target, err := schema.Parse(text, "", t.to.Schema)
	fits := unreadable == nil && err == nil && strings.Contains(text, " ENGINE=InnoDB") && t.infileColumns(columns, source, target)
	t.infile.head, t.infile.fits = head, fits
	return fits, nil
}

// infileColumns tells whether the columns of an INSERT are all of the target's that
// are written, alike on both sides but for what a route adds.
func (t *table) infileColumns(columns []string, source, target *schema.Table) bool {
	written := 0
	for i := range target.Columns {
		c := &target.Columns[i]
		if c.Generated {
			continue
		}
		written++
		if !slices.ContainsFunc(columns, func(n string) bool { return strings.EqualFold(n, c.Name) }) {
			return false
		}
		if from := source.Column(c.Name); from != nil {
			if from.Type != c.Type || from.Unsigned != c.Unsigned || !slices.Equal(from.Elems, c.Elems) {
				return false
			}
		} else if c.Charset == "" {
			return false // a route adds texts
		}
	}
	return written == len(columns)
}
