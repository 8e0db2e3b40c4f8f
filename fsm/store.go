package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/raftdm/raftdm/internal/fault"
)

// Limits bound what the store keeps of the past. They decide what is trimmed
// and so belong to the agreed state: every member must run with the same.
type Limits struct {
	// Changes is how many changes are kept at most.
	Changes int
	// ChangesAge is how long a change is kept at most; 0 means for ever.
	ChangesAge time.Duration
	// Requests is how many results are kept for repeated requests.
	Requests int
}

// DefaultLimits are the limits of every cluster; tests take smaller ones.
func DefaultLimits() Limits {
	return Limits{Changes: 10_000, ChangesAge: 7 * 24 * time.Hour, Requests: 10_000}
}

const (
	// trimStep is how many records at most one command trims: two, so that a
	// surplus shrinks while each command adds one.
	trimStep = 2
	// lockTimeout is how long Open waits for another process to let go.
	lockTimeout = time.Second
	// initialMmap is address space, not memory: growing the map waits for
	// readers, so it starts large enough for nearly every cluster.
	initialMmap = 64 << 20
)

// Applied is what one Apply or Restore did, for whoever follows the store.
type Applied struct {
	// From is the index before, To the index after.
	From, To Index
	// Changes are those in between, oldest first.
	Changes []Change
	// Reset: the state was replaced by a snapshot; Changes is empty.
	Reset bool
}

// Store is the state on disk. Apply and Restore are called by one goroutine;
// everything else may be called by any number at any time.
type Store struct {
	path   string
	limits Limits

	apply sync.Mutex // held by Apply, Restore and Snapshot: one at a time

	mu        sync.Mutex // guards the fields below
	idle      sync.Cond  // signalled when a handle loses its last user
	cur       *handle    // nil once closed
	observers []func(Applied)
}

// handle is an open database with a count of its users. Restore retires the
// current one; the last user closes it.
type handle struct {
	db      *bbolt.DB
	users   int
	retired bool
}

// Open opens the store in the file at path, creating it if there is none.
// It answers ErrLocked when another process has it open.
func Open(path string) (*Store, error) { return OpenLimits(path, DefaultLimits()) }

// OpenLimits is Open with other limits.
func OpenLimits(path string, l Limits) (*Store, error) {
	if l.Changes < 1 || l.Requests < 1 || l.ChangesAge < 0 {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("limits must be positive: %+v", l))
	}
	// What a Restore left that did not get to its end.
	if err := os.Remove(restorePath(path)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fault.Wrap("open store "+path, err)
	}
	db, err := openDB(path)
	if err != nil {
		return nil, fault.Wrap("open store "+path, err)
	}
	s := &Store{path: path, limits: l, cur: &handle{db: db}}
	s.idle.L = &s.mu
	return s, nil
}

// openDB opens a database file and sees to it that all buckets are there.
func openDB(path string) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: lockTimeout,
		// The freelist is rebuilt at open instead of being written with every
		// commit, and kept in a map: a large one then costs nothing per commit.
		NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
		InitialMmapSize: initialMmap,
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, &fault.Error{Kind: fault.Unavailable, Err: ErrLocked,
			Hint: "stop the other process, or give this one another data-dir"}
	}
	if err != nil {
		return nil, err
	}
	if err := db.Update(initialise); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func initialise(tx *bbolt.Tx) error {
	if meta := tx.Bucket([]byte(bucketMeta)); meta != nil {
		v := &View{tx: tx}
		if got := v.metaNumber(metaSchema); !readable(got) {
			return &fault.Error{Kind: fault.Unsupported, Err: ErrSchema,
				Msg: fmt.Sprintf("version %d, this program knows %d", got, schemaVersion)}
		}
	}
	for _, name := range buckets() {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	return putSchema(tx)
}

func putSchema(tx *bbolt.Tx) error {
	return tx.Bucket([]byte(bucketMeta)).Put([]byte(metaSchema), binary.BigEndian.AppendUint64(nil, schemaVersion))
}

// Apply executes committed entries in order, in one transaction: after it all
// of their effects are on disk, or, when it fails, none. Entries at or below
// the applied index are skipped; nobody waits for the result of a replay.
//
// A failure is not a refusal: the state machine can not go on, and the caller
// has to stop. Refusals are in the results.
func (s *Store) Apply(entries []Entry) ([]Result, error) {
	s.apply.Lock()
	defer s.apply.Unlock()
	h, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release(h)
	tx, err := h.db.Begin(true)
	if err != nil {
		return nil, fault.Wrap("apply", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it has no effect

	b := newBatch(tx, s.limits)
	from := b.View.Index()
	to := from
	results := make([]Result, len(entries))
	for i, e := range entries {
		if e.Index <= to {
			results[i] = Result{Index: e.Index, Err: fault.New(fault.Internal, fmt.Sprintf("entry %d was applied before", e.Index))}
			continue
		}
		if results[i], err = b.apply(e); err != nil {
			return nil, fault.Wrap("apply", err)
		}
		to = e.Index
	}
	if to == from {
		return results, nil
	}
	if err := b.finish(to); err != nil {
		return nil, fault.Wrap("apply", err)
	}
	if err := tx.Commit(); err != nil {
		return nil, fault.Wrap("apply", err)
	}
	s.tell(Applied{From: from, To: to, Changes: b.applied})
	return results, nil
}

// Applied is the index of the last entry applied, 0 for a new or closed store.
func (s *Store) Applied() Index {
	var i Index
	if err := s.View(func(v *View) error { i = v.Index(); return nil }); err != nil {
		return 0
	}
	return i
}

// View calls fn with the state at one index. fn must be short, must not wait
// for anything and must not call Apply: while it runs, writing may have to wait.
func (s *Store) View(fn func(*View) error) error {
	h, err := s.acquire()
	if err != nil {
		return err
	}
	defer s.release(h)
	return h.db.View(func(tx *bbolt.Tx) error {
		v := &View{tx: tx}
		if err := fn(v); err != nil {
			return err
		}
		return v.err
	})
}

// Observe has fn called after every Apply and Restore that moved the state,
// in order, on their goroutine. fn must not block and must not call the store.
func (s *Store) Observe(fn func(Applied)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observers = append(s.observers, fn)
}

func (s *Store) tell(a Applied) {
	s.mu.Lock()
	observers := s.observers
	s.mu.Unlock()
	for _, fn := range observers {
		fn(a)
	}
}

// Close waits for the readers and closes the file.
func (s *Store) Close() error {
	s.apply.Lock()
	defer s.apply.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.cur
	if h == nil {
		return nil
	}
	s.cur = nil
	for h.users > 0 {
		s.idle.Wait()
	}
	return h.db.Close()
}

func (s *Store) acquire() (*handle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cur == nil {
		return nil, ErrClosed
	}
	s.cur.users++
	return s.cur, nil
}

func (s *Store) release(h *handle) {
	s.mu.Lock()
	h.users--
	last := h.users == 0
	closing := last && h.retired
	s.idle.Broadcast()
	s.mu.Unlock()
	if closing {
		// The file is unlinked; that closing it fails loses nothing.
		_ = h.db.Close()
	}
}

// swap makes db the current database and lets the old one go with its last user.
func (s *Store) swap(db *bbolt.DB) error {
	s.mu.Lock()
	old := s.cur
	s.cur = &handle{db: db}
	old.retired = true
	unused := old.users == 0
	s.mu.Unlock()
	if unused {
		return old.db.Close()
	}
	return nil
}
