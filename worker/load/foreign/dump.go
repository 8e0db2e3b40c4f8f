package foreign

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/load/sqlfile"
)

// metadataName is the file that these tools write last.
const metadataName = "metadata"

// Dump is what a directory holds.
type Dump struct {
	ID       string
	Log, Pos string // where in the binlog it was taken, "" when metadata does not say
	GTID     string
	Schemas  []Schema
	Tables   []Table
	Left     []string // files that are not loaded
}

// Schema is one schema.
type Schema struct {
	Name   string
	Create string // "" when the directory has no file with it
}

// Table is one table.
type Table struct {
	Schema, Name string
	Create       string // "" when the directory has no file with it
	Data         []File
}

// File is one file with rows.
type File struct {
	Name  string
	Bytes int64 // decompressed
	path  string
}

// Open opens the file for reading, decompressed.
func (f File) Open() (io.ReadCloser, error) { return open(f.path) }

// dumplings is how the names of dumpling's files with rows end; mydumper's numbers
// are shorter.
var dumplings = regexp.MustCompile(`\.[0-9]{9,}\.sql(\.gz)?$`)

// UTF8 tells that the file is dumpling's: all text in it is UTF-8, though it names
// the character set binary, and bytes are in hex.
func (f File) UTF8() bool { return dumplings.MatchString(f.Name) }

// Read reads a directory. fs.ErrNotExist (wrapped) when there is none.
func Read(dir string) (*Dump, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	r := &reading{dir: dir, dump: &Dump{}, prefixes: map[string]string{}, tables: map[string]*Table{}}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	if err := r.metadata(names); err != nil {
		return nil, err
	}
	for _, step := range []func([]string) ([]string, error){r.schemas, r.structures, r.rows} {
		if names, err = step(names); err != nil {
			return nil, err
		}
	}
	return r.dump, r.finish()
}

// reading is a Read under way.
type reading struct {
	dir  string
	dump *Dump
	// prefixes leads from what stands before the first dot of a schema's files to
	// its name, tables from the same of a table to it.
	prefixes map[string]string
	tables   map[string]*Table
	order    []string // keys of tables
	digest   []string // what the ID is made of
}

// DM's numbers for what a dump lacks.
const (
	codeMetadata    = 11001
	codeNoTableFile = 34013
	codeNoDBFile    = 34012
	codeFileEnding  = 34002
)

// metadata reads the file that says that the dump is complete.
func (r *reading) metadata(names []string) error {
	if !slices.Contains(names, metadataName) {
		e := &fault.Error{Kind: fault.NotFound, Code: codeMetadata, Msg: fmt.Sprintf("directory %s holds no complete dump: the file metadata is missing", r.dir),
			Hint: "wait until mydumper or dumpling has ended, or give the loaders section of the task the dir that they have written"}
		if slices.Contains(names, metadataName+".partial") {
			e.Msg = fmt.Sprintf("directory %s holds a dump that mydumper has not finished (metadata.partial)", r.dir)
		}
		return e
	}
	f, err := os.Open(filepath.Join(r.dir, metadataName))
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	gtid := false
	for in.Scan() {
		line := strings.TrimSpace(in.Text())
		r.digest = append(r.digest, line)
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case strings.HasPrefix(line, "SHOW SLAVE STATUS"):
			return r.rest(in) // the position on another server
		case key == "Log":
			r.dump.Log = value
		case key == "Pos":
			r.dump.Pos = value
		case key == "GTID":
			r.dump.GTID, gtid = value, true
			continue
		case gtid && line != "":
			r.dump.GTID += line // a set over several lines
			continue
		}
		gtid = false
	}
	return in.Err()
}

func (r *reading) rest(in *bufio.Scanner) error {
	for in.Scan() {
		r.digest = append(r.digest, in.Text())
	}
	return in.Err()
}

// base takes off the endings of a file's name; ok is false without them.
func base(name, ending string) (string, bool) {
	return strings.CutSuffix(strings.TrimSuffix(name, gzipped), ending)
}

// schemas takes the files with a CREATE DATABASE.
func (r *reading) schemas(names []string) (others []string, err error) {
	for _, n := range names {
		prefix, ok := base(n, "-schema-create.sql")
		if !ok {
			others = append(others, n)
			continue
		}
		text, err := statement(filepath.Join(r.dir, n))
		if err != nil {
			return nil, err
		}
		name, ok := created(text, "DATABASE", "SCHEMA")
		if !ok {
			others = append(others, n) // rows of a table with such a name
			continue
		}
		r.prefixes[prefix] = name
		r.dump.Schemas = append(r.dump.Schemas, Schema{Name: name, Create: text})
		r.note(n, int64(len(text)))
	}
	return others, nil
}

// structures takes the files with a CREATE TABLE, and leaves out views.
func (r *reading) structures(names []string) (others []string, err error) {
	views := map[string]bool{}
	for _, n := range names {
		if prefix, ok := base(n, "-schema-view.sql"); ok {
			rows, err := r.holdsRows(n)
			if err != nil {
				return nil, err
			}
			views[prefix] = !rows
		}
	}
	for _, n := range names {
		prefix, ok := base(n, "-schema.sql")
		if !ok {
			others = append(others, n)
			continue
		}
		text, err := statement(filepath.Join(r.dir, n))
		if err != nil {
			return nil, err
		}
		name, ok := created(text, "TABLE")
		switch {
		case views[prefix]:
			r.dump.Left = append(r.dump.Left, n)
			continue
		case !ok:
			others = append(others, n)
			continue
		}
		schema, err := r.schemaOf(n, prefix, name)
		if err != nil {
			return nil, err
		}
		r.tables[prefix] = &Table{Schema: schema, Name: name, Create: text}
		r.order = append(r.order, prefix)
		r.note(n, int64(len(text)))
	}
	return others, nil
}

// schemaOf tells the schema of a table whose files begin with prefix.
func (r *reading) schemaOf(file, prefix, table string) (string, error) {
	best, found := "", false
	for p := range r.prefixes {
		rest, ok := strings.CutPrefix(prefix, p+".")
		if !ok || rest == "" {
			continue
		}
		if rest == table || rest == escape(table) { // else a name with a dot is taken for that of another schema's table
			return r.prefixes[p], nil
		}
		if !found || len(p) > len(best) {
			best, found = p, true
		}
	}
	if found {
		return r.prefixes[best], nil
	}
	// Without the schema's own file its name is what is left of the table's.
	for _, t := range []string{table, escape(table)} {
		if s, ok := strings.CutSuffix(prefix, "."+t); ok && s != "" {
			return unescape(s), nil
		}
	}
	return "", &fault.Error{Kind: fault.Invalid, Code: codeNoDBFile, Msg: fmt.Sprintf("it cannot be told to which schema table %s of file %s in %s belongs", table, file, r.dir),
		Hint: "put a file {schema}-schema-create.sql with its CREATE DATABASE beside it"}
}

// rows takes the files with rows.
func (r *reading) rows(names []string) ([]string, error) {
	var paths []string
	var to []*Table
	for _, n := range names {
		b, ok := base(n, ".sql")
		switch {
		case !ok:
			if err := r.unread(n); err != nil {
				return nil, err
			}
			if n != metadataName {
				r.dump.Left = append(r.dump.Left, n)
			}
			continue
		case notRows(b):
			rows, err := r.holdsRows(n)
			if err != nil {
				return nil, err
			}
			if !rows {
				r.dump.Left = append(r.dump.Left, n)
				continue
			}
		}
		t := r.tableOf(b)
		if t == nil {
			return nil, &fault.Error{Kind: fault.Invalid, Code: codeNoTableFile, Msg: fmt.Sprintf("it cannot be told to which table file %s in %s belongs", n, r.dir),
				Hint: "put a file {schema}.{table}-schema.sql with its CREATE TABLE beside it, or move the file away"}
		}
		t.Data = append(t.Data, File{Name: n, path: filepath.Join(r.dir, n)})
		paths, to = append(paths, filepath.Join(r.dir, n)), append(to, t)
	}
	found, err := sizes(paths)
	if err != nil {
		return nil, err
	}
	at := map[*Table]int{}
	for i, t := range to {
		t.Data[at[t]].Bytes = found[i]
		r.note(t.Data[at[t]].Name, found[i])
		at[t]++
	}
	return nil, nil
}

// notRows tells the files of other things by the ends of their names, which those
// of a table's rows may have, too.
func notRows(base string) bool {
	for _, end := range []string{"-schema-view", "-schema-triggers", "-schema-post", "-schema-sequence", "-schema-placement-policies"} {
		if strings.HasSuffix(base, end) {
			return true
		}
	}
	return false
}

// holdsRows tells whether a file begins with rows.
func (r *reading) holdsRows(name string) (bool, error) {
	text, err := statement(filepath.Join(r.dir, name))
	if errors.Is(err, sqlfile.ErrTorn) {
		return false, nil // of what is left out nobody asks how it ends
	}
	return sqlfile.IsInsert([]byte(text)), err
}

// tableOf finds the table of a file with rows: the longest prefix of which the
// rest are numbers of chunks and files. Without one, schema and table are the
// two parts of the name.
func (r *reading) tableOf(base string) *Table {
	if t := r.known(base); t != nil {
		return t
	}
	parts := strings.Split(base, ".")
	for len(parts) > 2 && number(parts[len(parts)-1]) {
		parts = parts[:len(parts)-1]
	}
	if len(parts) != 2 {
		return nil
	}
	key := parts[0] + "." + parts[1]
	schema, ok := r.prefixes[parts[0]]
	if !ok {
		schema = unescape(parts[0])
	}
	r.tables[key] = &Table{Schema: schema, Name: unescape(parts[1])}
	r.order = append(r.order, key)
	return r.tables[key]
}

// known finds the table of a file with rows whose structure is there, nil for none.
func (r *reading) known(base string) *Table {
	for prefix := base; ; {
		if t := r.tables[prefix]; t != nil {
			return t
		}
		i := strings.LastIndexByte(prefix, '.')
		if i < 0 || !number(prefix[i+1:]) {
			return nil
		}
		prefix = prefix[:i]
	}
}

// number tells the number of a chunk or file: mydumper's have five digits or
// more, dumpling's nine; any table whose name is one has a structure of its own.
func number(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

func (r *reading) note(name string, bytes int64) {
	r.digest = append(r.digest, fmt.Sprintf("%s %d", name, bytes))
}

// finish puts the parts together.
func (r *reading) finish() error {
	known := map[string]bool{}
	for _, s := range r.dump.Schemas {
		known[s.Name] = true
	}
	for _, key := range r.order {
		t := r.tables[key]
		r.dump.Tables = append(r.dump.Tables, *t)
		if !known[t.Schema] {
			known[t.Schema] = true
			r.dump.Schemas = append(r.dump.Schemas, Schema{Name: t.Schema})
		}
	}
	if len(r.dump.Schemas) == 0 {
		return &fault.Error{Kind: fault.NotFound, Code: codeNoTableFile, Msg: fmt.Sprintf("directory %s holds no tables", r.dir),
			Hint: "give the loaders section of the task the dir of a dump"}
	}
	sum := sha256.Sum256([]byte(strings.Join(r.digest, "\n")))
	r.dump.ID = "foreign-" + hex.EncodeToString(sum[:12])
	return nil
}

// Missing tells whether an error of Read means that there is no directory.
func Missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
