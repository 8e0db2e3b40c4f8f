package dumpdir

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/raftdm/raftdm/internal/binlog"
)

// Version is the format that this package writes; it reads no other.
const Version = 2

// Errors of a directory that is not a complete dump.
var (
	// ErrMissing: there is no manifest, so the dump was never completed or is gone.
	ErrMissing = errors.New("the directory holds no complete dump")
	// ErrDamaged: a file is not what the manifest says.
	ErrDamaged = errors.New("the dump is damaged")
)

// Manifest says what a complete dump consists of.
type Manifest struct {
	Version  int       `json:"version"`
	DumpID   string    `json:"dump_id"`
	Task     string    `json:"task"`
	Source   string    `json:"source"`
	Server   string    `json:"server"`
	Identity string    `json:"identity,omitempty"` // as in Header
	Settings string    `json:"settings,omitempty"` // as in Header
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	// Snapshot is the oldest moment that rows are of, where replication begins, and
	// Prepared is that snapshot's.
	Snapshot binlog.Location `json:"snapshot"`
	Prepared binlog.Location `json:"prepared"`
	// Snapshots are all moments at which the source was read, in their order. The
	// list of tables and their structures are those of the last one.
	Snapshots []Snapshot `json:"snapshots"`
	Schemas   []Schema   `json:"schemas"`
	Tables    []Table    `json:"tables"`
}

// Settle sets Snapshot and Prepared from the snapshots that are in use.
func (m *Manifest) Settle() {
	oldest := len(m.Snapshots) - 1
	for _, t := range m.Tables {
		oldest = min(oldest, t.Oldest)
	}
	m.Snapshot, m.Prepared = m.Snapshots[oldest].At, m.Snapshots[oldest].Prepared
}

// Newest is where all of the dump has caught up with the last of its snapshots.
func (m *Manifest) Newest() binlog.Location {
	if len(m.Snapshots) == 0 {
		return m.Snapshot
	}
	return m.Snapshots[len(m.Snapshots)-1].End()
}

// Window gives the places between which changes of a table are in some of its
// rows and not in others. Up to from all changes are in all rows, behind to
// none is; they are equal when all rows are of one moment.
func (m *Manifest) Window(t Table) (from, to binlog.Location) {
	if len(m.Snapshots) == 0 {
		return m.Snapshot, m.Snapshot
	}
	return m.Snapshots[t.Oldest].At, m.Snapshots[t.Newest].End()
}

// Mixed tells whether the rows of a table are of several moments, so that two
// of them may have the same value in a unique key.
func (m *Manifest) Mixed(t Table) bool {
	return len(m.Snapshots) > 0 && (t.Oldest != t.Newest || !m.Snapshots[t.Newest].Until.IsZero())
}

// Schema is one schema of a dump.
type Schema struct {
	Name string `json:"name"`
	File File   `json:"file"`
}

// Table is one table of a dump.
type Table struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
	File   File   `json:"file"` // the CREATE TABLE
	Data   []File `json:"data"` // none for an empty table
	// The following are as in Progress; the files of the chunks are in Data.
	Created string  `json:"created,omitempty"`
	Keyed   bool    `json:"keyed,omitempty"`
	Key     *Key    `json:"key,omitempty"`
	Pieces  []Piece `json:"pieces,omitempty"`
	Chunks  []Chunk `json:"chunks,omitempty"`
	Begun   int     `json:"begun,omitempty"`
	Left    *int    `json:"left,omitempty"`
	// Oldest and Newest are the snapshots that its rows are of, by number.
	Oldest int `json:"oldest"`
	Newest int `json:"newest"`
}

// FileHead begins every data file and every file with a CREATE TABLE, so that
// the mysql client and myloader read it under the conditions it was written for.
const FileHead = "/*!40101 SET NAMES utf8mb4*/;\n/*!40014 SET FOREIGN_KEY_CHECKS=0*/;\n/*!40103 SET TIME_ZONE='+00:00' */;\n"

// Create reads the CREATE TABLE statement of a table, as the source shows it.
func (t Table) Create(dir string) (string, error) { return t.File.statement(dir) }

// Create reads the CREATE DATABASE statement of a schema, as the source shows it.
func (s Schema) Create(dir string) (string, error) { return s.File.statement(dir) }

func (f File) statement(dir string) (string, error) {
	data, err := f.Read(dir)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(data), FileHead), ";\n"), nil
}

// File is one file of a dump.
type File struct {
	Name string `json:"name"`
	// Bytes and CRC are of the contents, Stored is the size of the file where it
	// is compressed and 0 where it is not.
	Bytes  int64  `json:"bytes"`
	Rows   int64  `json:"rows,omitempty"`
	CRC    uint32 `json:"crc32c"`
	Stored int64  `json:"stored,omitempty"`
	Chunk  int    `json:"chunk,omitempty"` // of which chunk
}

// Size is how much room the file takes.
func (f File) Size() int64 {
	if f.Stored > 0 {
		return f.Stored
	}
	return f.Bytes
}

// There tells whether the file is on the disk.
func (f File) There(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, f.Name))
	return err == nil
}

// Remove removes the file; one that is gone already is no error.
func (f File) Remove(dir string) error {
	if err := os.Remove(filepath.Join(dir, f.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Bytes gives the size of all data files.
func (m *Manifest) Bytes() int64 {
	var n int64
	for _, t := range m.Tables {
		for _, f := range t.Data {
			n += f.Bytes
		}
	}
	return n
}

// Write closes a dump: it writes the manifest so that it is there completely or
// not at all. The files it lists must be written already.
func (m *Manifest) Write(dir string) error {
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return writeAtomic(dir, ManifestName, data)
}

// ReadManifest reads the manifest of a complete dump; ErrMissing when there is
// none. It checks sizes, and contents only where the machine was booted since
// they were written: see Check. Files that are loaded may be missing.
func ReadManifest(dir string, loaded Loaded) (*Manifest, error) {
	data, err := os.ReadFile(filepath.Join(dir, ManifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrMissing)
	}
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", filepath.Join(dir, ManifestName), ErrDamaged, err)
	}
	if m.Version != Version {
		return nil, fmt.Errorf("%s: %w: format version %d, this program reads %d",
			filepath.Join(dir, ManifestName), ErrDamaged, m.Version, Version)
	}
	boot := Boot()
	for _, f := range m.files() {
		if loaded.whole(f.File) {
			continue
		}
		whole, err := f.whole(dir, f.of.sure(boot))
		if err != nil {
			return nil, err
		}
		if !whole {
			return nil, fmt.Errorf("%w: file %s is missing in %s, or not what was dumped", ErrDamaged, f.Name, dir)
		}
	}
	return m, nil
}

// written is a file and the snapshot at which it was.
type written struct {
	File
	of Snapshot
}

// files lists all files of the dump.
func (m *Manifest) files() []written {
	var last Snapshot // when structures are written
	if n := len(m.Snapshots); n > 0 {
		last = m.Snapshots[n-1]
	}
	var out []written
	for _, s := range m.Schemas {
		out = append(out, written{s.File, last})
	}
	for _, t := range m.Tables {
		out = append(out, written{t.File, last})
		for _, f := range t.Data {
			at := last
			if f.Chunk < len(t.Chunks) && t.Chunks[f.Chunk].Snapshot < len(m.Snapshots) {
				at = m.Snapshots[t.Chunks[f.Chunk].Snapshot]
			}
			out = append(out, written{f, at})
		}
	}
	return out
}

// CRC is the table of the checksums in a manifest.
func CRC() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Check reads a whole file and compares it with what the manifest says.
func (f File) Check(dir string) error {
	r, err := f.Open(dir)
	if err != nil {
		return err
	}
	defer r.Close()
	h := crc32.New(CRC())
	n, err := io.Copy(h, r)
	if err != nil && f.Stored == 0 {
		return err
	}
	if err != nil || n != f.Bytes || h.Sum32() != f.CRC {
		return errors.Join(fmt.Errorf("%w: the contents of file %s in %s are not what was dumped", ErrDamaged, f.Name, dir), err)
	}
	return nil
}

// Read reads a small file of the dump, checked.
func (f File) Read(dir string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(dir, f.Name))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if int64(len(data)) != f.Bytes || crc32.Checksum(data, CRC()) != f.CRC {
		return nil, fmt.Errorf("%w: the contents of file %s in %s are not what was dumped", ErrDamaged, f.Name, dir)
	}
	return data, nil
}

// WriteFile writes a small file of the dump and describes it for the manifest.
func WriteFile(dir, name string, data []byte) (File, error) {
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		return File{}, err
	}
	return File{Name: name, Bytes: int64(len(data)), CRC: crc32.Checksum(data, CRC())}, nil
}

func writeAtomic(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	if err := writeSynced(path+tmpSuffix, data); err != nil {
		return err
	}
	if err := os.Rename(path+tmpSuffix, path); err != nil {
		return err
	}
	return syncDir(dir)
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
