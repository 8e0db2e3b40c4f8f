package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
	"github.com/raftdm/raftdm/worker/load/sqlfile"
)

// statement is one INSERT to execute: one of a data file, or some of its rows.
type statement struct {
	text []byte
	from int64 // where it, or its first row, begins in the file
	end  int64 // where the next statement or row begins
	rows int64
	// invalid is how many error values of ENUMs are in it.
	invalid int
	// at is where in the file text[0] would stand if its rows' distance were that
	// of the file: the rows of text follow each other as they do there.
	at int64
}

// statements reads the statements of one data file.
type statements struct {
	it   item
	own  bool
	file io.Closer
	in   *sqlfile.Reader
	// begin is where to go on; what ends before was loaded already.
	begin int64
	// settings is what a foreign file has said so far.
	settings sqlfile.Settings
	rows     []sqlfile.Span // room for a parse
}

// openStatements opens a data file to go on at offset, which is the end of a
// statement or of a row.
func openStatements(own bool, it item, offset int64) (*statements, error) {
	f, err := it.file.open()
	if err != nil {
		return nil, err
	}
	s := &statements{it: it, own: own, file: f, begin: offset}
	at := int64(0)
	if own {
		at, err = seek(f, offset)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s.in = sqlfile.NewReader(f, at, own)
	return s, nil
}

// seek goes to offset in a file of ours when a statement ends there; else it
// stays at the beginning, from where the statement is found that offset is in.
func seek(f io.Reader, offset int64) (int64, error) {
	in, ok := f.(io.ReadSeeker)
	if !ok || offset < 2 {
		return 0, nil
	}
	if _, err := in.Seek(offset-2, io.SeekStart); err != nil {
		return 0, err
	}
	var two [2]byte
	if _, err := io.ReadFull(in, two[:]); err != nil {
		return 0, err
	}
	if string(two[:]) == ";\n" {
		return offset, nil
	}
	_, err := in.Seek(0, io.SeekStart)
	return 0, err
}

func (s *statements) close() { s.file.Close() } //nolint:errcheck // it was only read

// batch gives the next statements of about limit bytes together, at least one;
// none at the end of the file. Their texts are valid until the next batch.
func (s *statements) batch(limit int) ([]statement, error) {
	for {
		read, err := s.in.Batch(limit)
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, s.torn(err)
		}
		var out []statement
		for _, st := range read {
			made, ok, err := s.make(st)
			if err != nil {
				return nil, s.unreadable(st, err)
			}
			if ok {
				out = append(out, made)
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
}

// make looks at one statement of the file; ok is false for one to skip.
func (s *statements) make(st sqlfile.Statement) (statement, bool, error) {
	out := statement{text: st.Text, from: st.From, end: st.End, at: st.From}
	if s.own {
		var is bool
		if out.invalid, is = dumpdir.ErrorValues(st.Text); !is || st.End <= s.begin {
			return out, false, nil // a session setting in the head of the file, or loaded already
		}
		out.rows = int64(bytes.Count(st.Text, []byte{'\n'})) - 1 // the head of the INSERT is a line of its own
	} else if ok, err := s.foreign(&out); !ok || err != nil {
		return out, false, err
	}
	if st.From < s.begin {
		var err error
		if out, err = s.behind(out); err != nil {
			return out, false, err
		}
	}
	return out, out.rows > 0, nil
}

// foreign looks at a statement that another tool has written.
func (s *statements) foreign(out *statement) (bool, error) {
	if !sqlfile.IsInsert(out.text) {
		set, ok := sqlfile.Setting(string(out.text))
		if !ok {
			return false, errNoStatement
		}
		if set.Names != "" {
			s.settings.Names = set.Names
			if s.it.file.utf8 && !s.it.table.spatial { // shapes are bytes between quotes
				s.settings.Names = "utf8mb4"
			}
		}
		if set.TimeZone != "" {
			s.settings.TimeZone = set.TimeZone
		}
		return false, nil
	}
	if out.end <= s.begin {
		return false, nil
	}
	in, err := sqlfile.ParseInsert(out.text, s.rows)
	if err != nil {
		return false, err
	}
	s.rows = in.Rows
	out.rows = int64(len(in.Rows))
	t := s.it.table
	if !strings.EqualFold(in.Table, t.Table) || in.Schema != "" && !strings.EqualFold(in.Schema, t.Schema) {
		return false, fmt.Errorf("%w, %s", errOtherTable, dbconn.Ident(in.Table))
	}
	if in.Columns == nil {
		if in.Columns, err = t.columnNames(); err != nil {
			return false, err
		}
	}
	if strings.EqualFold(s.settings.Names, bytesAsTheyAre) {
		if err := t.checkText(out.text, in); err != nil {
			return false, err
		}
	}
	head := insertHead("INSERT", t.Name, in.Columns)
	n := in.Head - len(head)
	out.at = out.from + int64(n)
	if n < 0 {
		out.text = append([]byte(head), out.text[in.Head:]...)
		return true, nil
	}
	out.text = out.text[n:] // in its place, without a copy
	copy(out.text, head)
	return true, nil
}

// insertHead begins an INSERT.
func insertHead(verb string, t schema.Name, columns []string) string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = dbconn.Ident(c)
	}
	return verb + " INTO " + dbconn.Ident(t.Table) + " (" + strings.Join(quoted, ",") + ") VALUES"
}

// columnNames gives the columns that an INSERT without a list of them means: the
// target's may stand in another order.
func (t *table) columnNames() ([]string, error) {
	t.once.Do(func() {
		var text string
		if text, t.broken = t.text(); t.broken != nil {
			return
		}
		if text == "" {
			t.broken = &fault.Error{Kind: fault.Invalid, Msg: "the rows name no columns, and the dump has no structure of the table",
				Hint: "put the file with its CREATE TABLE, {schema}.{table}-schema.sql, beside the data; then resume-task"}
			return
		}
		var parsed *schema.Table
		if parsed, t.broken = schema.Parse(text, "", t.Schema); t.broken != nil {
			return
		}
		for _, c := range parsed.Columns {
			if !c.Invisible {
				t.columns = append(t.columns, c.Name)
			}
		}
	})
	return t.columns, t.broken
}

// behind gives what of a statement stands behind s.begin.
func (s *statements) behind(st statement) (statement, error) {
	in, err := sqlfile.ParseInsert(st.text, s.rows)
	if err != nil {
		return st, err
	}
	s.rows = in.Rows
	for i, r := range in.Rows {
		if st.at+int64(r.From) == s.begin {
			return part(st, in, i, len(in.Rows)), nil
		}
	}
	return st, fmt.Errorf("%w: no row begins at byte %d", dumpdir.ErrDamaged, s.begin)
}

// part gives the rows from i to before j of a statement.
func part(st statement, in sqlfile.Insert, i, j int) statement {
	out := statement{from: st.at + int64(in.Rows[i].From), end: st.end, rows: int64(j - i), invalid: st.invalid}
	out.at = out.from - int64(in.Head+1)
	if j < len(in.Rows) {
		out.end = st.at + int64(in.Rows[j].From)
	}
	out.text = slices.Concat(st.text[:in.Head], []byte("\n"), st.text[in.Rows[i].From:in.Rows[j-1].To], []byte(";\n"))
	return out
}

// split cuts a statement into parts of about limit bytes, at least two unless it
// has one row only.
func split(st statement, limit int) ([]statement, error) {
	in, err := sqlfile.ParseInsert(st.text, nil)
	if err != nil {
		return nil, err
	}
	limit = min(limit, len(st.text)/2)
	var out []statement
	for i := 0; i < len(in.Rows); {
		j := i + 1
		for j < len(in.Rows) && in.Rows[j].To-in.Rows[i].From <= limit {
			j++
		}
		out = append(out, part(st, in, i, j))
		i = j
	}
	return out, nil
}

// What a statement of another tool's dump may turn out to be.
var (
	errNoStatement = errors.New("the statement is neither an INSERT nor a known setting")
	errOtherTable  = errors.New("the statement is about another table")
)

// torn is the error for a file that cannot be read on.
func (s *statements) torn(err error) error {
	err = fmt.Errorf("%w: file %s: %w", dumpdir.ErrDamaged, s.it.file.name, err)
	if !errors.Is(err, sqlfile.ErrTorn) {
		return err
	}
	return &fault.Error{Kind: fault.Corrupt, Code: codeFileEnding, Hint: damagedHint, Err: err}
}

// unreadable names the place of a statement that cannot be loaded.
func (s *statements) unreadable(st sqlfile.Statement, err error) error {
	out := &fault.Error{Op: fmt.Sprintf("read file %s, statement at byte %d", s.it.file.name, st.From), Kind: fault.KindOf(err), Code: codeReadFile,
		Hint: fault.HintOf(err), Err: err}
	switch {
	case errors.Is(err, sqlfile.ErrValues):
		out.Kind, out.Code = fault.Corrupt, codeParseValues
	case errors.Is(err, sqlfile.ErrNotRows), errors.Is(err, errOtherTable):
		out.Kind, out.Code = fault.Corrupt, codeInvalidInsert
	case errors.Is(err, errNoStatement):
		out.Kind, out.Code = fault.Unsupported, codeParseStatement
	}
	if out.Hint == "" {
		out.Hint = "where it may be left out, write blanks over it, so that the file keeps the same size, then resume-task; or correct it or dump anew," +
			" stop-task, remove the task's tables from the target and begin anew with start-task --remove-meta"
	}
	return out
}
