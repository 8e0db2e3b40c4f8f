package fsm

// A snapshot is the records themselves, not database pages: equal states give
// equal bytes on every member.
//
//	magic    8 bytes  "raftdmS1"
//	version  4 bytes  big endian, schemaVersion
//	applied  8 bytes  big endian
//	length   8 bytes  big endian, of the records
//	records  each: bucket number 1 byte (as in bucketNumbers), key length uvarint, key, value length uvarint, value
//	sha256   32 bytes of everything before

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/raftdm/raftdm/internal/fault"
)

const (
	snapshotMagic  = "raftdmS1"
	snapshotHeader = len(snapshotMagic) + 4 + 8 + 8
	// maxRecord bounds what Restore allocates for one key or value before the
	// checksum has vouched for the length.
	maxRecord = 256 << 20
)

// Snapshot is the state at one index, held open until Close. Applying goes on
// meanwhile.
type Snapshot struct {
	store *Store
	h     *handle
	view  *View
}

// Snapshot takes the state as it is now.
func (s *Store) Snapshot() (*Snapshot, error) {
	s.apply.Lock()
	defer s.apply.Unlock()
	h, err := s.acquire()
	if err != nil {
		return nil, err
	}
	tx, err := h.db.Begin(false)
	if err != nil {
		s.release(h)
		return nil, fault.Wrap("snapshot", err)
	}
	return &Snapshot{store: s, h: h, view: &View{tx: tx}}, nil
}

// Index is the index of the state.
func (s *Snapshot) Index() Index { return s.view.Index() }

// Close lets the state go. It may be called more than once.
func (s *Snapshot) Close() error {
	if s.h == nil {
		return nil
	}
	err := s.view.tx.Rollback()
	s.store.release(s.h)
	s.h = nil
	return err
}

// WriteTo writes the snapshot.
func (s *Snapshot) WriteTo(w io.Writer) (int64, error) {
	// The length goes first, so the records are walked twice; the second
	// time they are in memory.
	var length countWriter
	if err := writeRecords(&length, s.view); err != nil {
		return 0, err
	}
	sum := sha256.New()
	var n countWriter
	buf := bufio.NewWriterSize(io.MultiWriter(w, sum, &n), 1<<16)
	head := []byte(snapshotMagic)
	head = binary.BigEndian.AppendUint32(head, schemaVersion)
	head = binary.BigEndian.AppendUint64(head, uint64(s.Index()))
	head = binary.BigEndian.AppendUint64(head, uint64(length))
	_, err := buf.Write(head)
	if err == nil {
		err = writeRecords(buf, s.view)
	}
	if err == nil {
		err = buf.Flush()
	}
	if err == nil {
		var m int
		m, err = w.Write(sum.Sum(nil))
		n += countWriter(m)
	}
	return int64(n), fault.Wrap("write snapshot", err)
}

func writeRecords(w io.Writer, v *View) error {
	names := bucketNumbers()
	var head []byte
	return v.Walk(func(bucket string, key, value []byte) error {
		head = append(head[:0], byte(slices.Index(names, bucket)))
		head = binary.AppendUvarint(head, uint64(len(key)))
		head = append(head, key...)
		head = binary.AppendUvarint(head, uint64(len(value)))
		if _, err := w.Write(head); err != nil {
			return err
		}
		_, err := w.Write(value)
		return err
	})
}

type countWriter int64

func (c *countWriter) Write(p []byte) (int, error) { *c += countWriter(len(p)); return len(p), nil }

func restorePath(path string) string { return path + ".restore" }

// SnapshotHead is how many bytes of a snapshot SnapshotIndex wants to see.
const SnapshotHead = snapshotHeader

// SnapshotIndex is the index of the state in a snapshot that begins with head;
// ok is false when no snapshot begins like this.
func SnapshotIndex(head []byte) (i Index, ok bool) {
	if len(head) < snapshotHeader || !bytes.HasPrefix(head, []byte(snapshotMagic)) {
		return 0, false
	}
	return Index(binary.BigEndian.Uint64(head[len(snapshotMagic)+4:])), true
}

// Restore replaces the state by a snapshot, once it has been read to the end
// and its checksum holds; ErrSnapshot otherwise, and the state is as before.
// Views that are open keep seeing the old state until they end.
func (s *Store) Restore(r io.Reader) error {
	s.apply.Lock()
	defer s.apply.Unlock()
	h, err := s.acquire()
	if err != nil {
		return err
	}
	s.release(h)
	tmp := restorePath(s.path)
	db, to, err := buildRestored(r, tmp)
	if err != nil {
		return errors.Join(fault.Wrap("restore", err), removeIfThere(tmp))
	}
	from := s.Applied()
	if err := os.Rename(tmp, s.path); err != nil {
		return errors.Join(fault.Wrap("restore", err), db.Close(), removeIfThere(tmp))
	}
	// From here on the file is the new state, whatever happens.
	err = errors.Join(syncDir(filepath.Dir(s.path)), s.swap(db))
	s.tell(Applied{From: from, To: to, Reset: true})
	return fault.Wrap("restore", err)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// buildRestored reads a snapshot into a database file of its own.
func buildRestored(r io.Reader, path string) (*bbolt.DB, Index, error) {
	if err := removeIfThere(path); err != nil {
		return nil, 0, err
	}
	db, err := openDB(path)
	if err != nil {
		return nil, 0, err
	}
	var to Index
	err = db.Update(func(tx *bbolt.Tx) error {
		to, err = readSnapshot(tx, r)
		return err
	})
	if err != nil {
		return nil, 0, errors.Join(err, db.Close())
	}
	return db, to, nil
}

func readSnapshot(tx *bbolt.Tx, r io.Reader) (Index, error) {
	sum := sha256.New()
	in := bufio.NewReaderSize(r, 1<<16)
	head := make([]byte, snapshotHeader)
	if _, err := io.ReadFull(in, head); err != nil {
		return 0, damaged("the header is incomplete", err)
	}
	sum.Write(head)
	fixed := head[len(snapshotMagic):]
	if !bytes.HasPrefix(head, []byte(snapshotMagic)) {
		return 0, damaged("it does not begin like one", nil)
	}
	version := uint64(binary.BigEndian.Uint32(fixed))
	if !readable(version) {
		return 0, &fault.Error{Kind: fault.Unsupported, Err: ErrSchema,
			Msg: fmt.Sprintf("the snapshot has version %d, this program knows %d", version, schemaVersion)}
	}
	applied := Index(binary.BigEndian.Uint64(fixed[4:]))
	length := binary.BigEndian.Uint64(fixed[12:])
	if err := readRecords(tx, in, sum, length); err != nil {
		return 0, err
	}
	trailer := make([]byte, sha256.Size)
	if _, err := io.ReadFull(in, trailer); err != nil {
		return 0, damaged("the checksum is missing", err)
	}
	if !bytes.Equal(trailer, sum.Sum(nil)) {
		return 0, damaged("the checksum does not match", nil)
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		return 0, damaged("bytes follow the checksum", err)
	}
	v := &View{tx: tx}
	if v.Index() != applied || v.metaNumber(metaSchema) != version {
		return 0, damaged("its records contradict its header", nil)
	}
	return applied, putSchema(tx)
}

func readRecords(tx *bbolt.Tx, in *bufio.Reader, sum hash.Hash, length uint64) error {
	names := bucketNumbers()
	rec := &recordReader{in: in, sum: sum, left: length}
	for rec.left > 0 && rec.err == nil {
		n := rec.byte()
		key := rec.bytes()
		value := rec.bytes()
		if rec.err != nil {
			break
		}
		if int(n) >= len(names) {
			return damaged("it names an unknown bucket", nil)
		}
		b := tx.Bucket([]byte(names[n]))
		b.FillPercent = 0.9 // keys come in order
		if err := b.Put(key, value); err != nil {
			return damaged("a record cannot be stored", err)
		}
	}
	if rec.err != nil {
		return damaged("the records are incomplete", rec.err)
	}
	return nil
}

// recordReader reads within the records and hashes what it read.
type recordReader struct {
	in   *bufio.Reader
	sum  hash.Hash
	left uint64
	err  error
}

// ReadByte lets binary.ReadUvarint read from it.
func (r *recordReader) ReadByte() (byte, error) {
	b := r.byte()
	return b, r.err
}

func (r *recordReader) byte() byte {
	b := r.take(1)
	if r.err != nil {
		return 0
	}
	return b[0]
}

func (r *recordReader) bytes() []byte {
	if r.err != nil {
		return nil
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		r.err = err
		return nil
	}
	return r.take(n)
}

func (r *recordReader) take(n uint64) []byte {
	if r.err == nil && (n > r.left || n > maxRecord) {
		r.err = io.ErrUnexpectedEOF
	}
	if r.err != nil {
		return nil
	}
	// Grown as it is read: a wrong length must not allocate what it claims.
	var buf bytes.Buffer
	if _, err := io.CopyN(&buf, r.in, int64(n)); err != nil {
		r.err = err
		return nil
	}
	r.left -= n
	r.sum.Write(buf.Bytes())
	return buf.Bytes()
}

func damaged(why string, err error) error {
	return &fault.Error{Kind: fault.Corrupt, Msg: why, Err: errors.Join(ErrSnapshot, err)}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
