package precheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// The items of ignore-checking-items that are checked here.
const (
	itemAll         = "all"
	itemVersion     = "version"
	itemServerID    = "server_id"
	itemBinlog      = "binlog_enable"
	itemFormat      = "binlog_format"
	itemRowImage    = "binlog_row_image"
	itemDump        = "dump_privilege"
	itemReplication = "replication_privilege"
	itemTables      = "table_schema"
	itemShards      = "schema_of_shard_tables"
	itemSerial      = "auto_increment_ID" // a part of itemShards
)

const (
	codeSameTable  = 26001
	codeOpenFailed = 26002
	codeRoutes     = 26003
)

// limit bounds all checks of a task, as in DM, and checkLimit each of them: one
// that a server does not answer in time is a warning, and the others are shown.
const (
	limit      = 30 * time.Minute
	checkLimit = 2 * time.Minute
)

// CheckTask checks the subtasks of one task, without the items in ignore. It is
// nil when none failed; otherwise an error of code 26005 that lists the
// findings, so many failures and warnings at most, or the fault of the first
// server that cannot be reached.
func CheckTask(ctx context.Context, subs []config.Subtask, ignore []string, failures, warnings int) error {
	r, err := Check(ctx, subs, ignore)
	if err != nil {
		return err
	}
	return r.Err(failures, warnings)
}

// Check is CheckTask for callers who want the whole Report. Its error is about
// servers that cannot be asked, never about what they answered.
func Check(ctx context.Context, subs []config.Subtask, ignore []string) (Report, error) {
	if len(subs) == 0 || nothingLeft(subs[0].Mode, ignore) {
		return newReport(nil), nil
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	down, downErr := openTarget(ctx, &subs[0])
	if down != nil {
		defer down.db.Close()
	}
	perSource := make([]sourceResults, len(subs))
	errs := make([]error, len(subs))
	var wg sync.WaitGroup // and no cancellation by the first error: which server is named must not be chance
	for i := range subs {
		wg.Go(func() { perSource[i], errs[i] = checkSource(ctx, &subs[i], ignore, down) })
	}
	wg.Wait()
	defer func() {
		for _, s := range perSource {
			s.close()
		}
	}()
	for _, err := range append(errs, downErr) {
		if err != nil {
			return Report{}, err
		}
	}
	var results []Result
	var tables []schema.Name
	for _, s := range perSource {
		results = append(results, s.results...)
		tables = append(tables, s.targets...)
	}
	if err := sameTarget(tables); err != nil {
		return Report{}, err
	}
	results = append(results, checkShards(ctx, perSource, subs[0].Mode, ignore, down)...)
	return newReport(append(results, down.check(ctx, &subs[0], tables)...)), nil
}

// items are the items that a task mode checks.
func items(mode config.Mode) []string {
	switch mode {
	case config.ModeFull, config.ModeDump:
		return []string{itemVersion, itemDump, itemTables, itemShards}
	case config.ModeLoad: // the source is not asked for anything
		return nil
	case config.ModeIncremental:
		return []string{itemVersion, itemServerID, itemBinlog, itemFormat, itemRowImage, itemReplication, itemTables, itemShards}
	default:
		return []string{itemVersion, itemServerID, itemBinlog, itemFormat, itemRowImage, itemDump, itemReplication, itemTables, itemShards}
	}
}

func ignored(ignore []string, item string) bool {
	return slices.Contains(ignore, itemAll) || slices.Contains(ignore, item)
}

// nothingLeft tells whether the task wants no check at all, which also switches
// off what is always checked.
func nothingLeft(mode config.Mode, ignore []string) bool {
	if mode == config.ModeLoad {
		return slices.Contains(ignore, itemAll)
	}
	return !slices.ContainsFunc(items(mode), func(i string) bool { return !ignored(ignore, i) })
}

// sourceResults is what the checks of one source found.
type sourceResults struct {
	*checker // nil when the source is not asked
	results  []Result
	targets  []schema.Name // where the tables that the task selects go, in their order
}

func (s *sourceResults) close() {
	if s.checker != nil {
		s.db.Close()
	}
}

func checkSource(ctx context.Context, sub *config.Subtask, ignore []string, down *target) (sourceResults, error) {
	if sub.Mode == config.ModeLoad {
		return sourceResults{}, nil
	}
	op := "check task=" + sub.Task + " source=" + sub.SourceID
	db, err := open(ctx, fault.Upstream, sub.Source.From)
	if err != nil {
		return sourceResults{}, unopened(op, err)
	}
	out := sourceResults{checker: &checker{db: db, sub: sub, target: down}}
	if out.selected, err = db.Tables(ctx, sub.Filter); err != nil {
		return out, fault.Wrap(op, err)
	}
	if out.targets, err = routed(sub, out.selected); err != nil {
		return out, fault.Wrap(op, err)
	}
	var checks []check
	for _, item := range items(sub.Mode) {
		if !ignored(ignore, item) && item != itemShards {
			checks = append(checks, out.check(item))
		}
	}
	out.results = run(ctx, checkLimit, checks, addressOf(sub.Source.From))
	for i := range out.results {
		out.results[i].Source = sub.SourceID
	}
	return out, nil
}

// routed gives the names that tables have on the target. Of the tables for which
// there are two routes the first is named.
func routed(sub *config.Subtask, tables []schema.Name) ([]schema.Name, error) {
	if sub.Routes.Empty() {
		return tables, nil
	}
	out := make([]schema.Name, len(tables))
	for i, n := range tables {
		_, err := sub.Routes.Schema(n.Schema)
		if err != nil {
			return nil, unroutable(err)
		}
		to, err := sub.Routes.Table(n.Schema, n.Table)
		if err != nil {
			return nil, unroutable(err)
		}
		out[i] = schema.Name{Schema: to.Schema, Table: to.Table}
	}
	return out, nil
}

// unroutable gives an error of the routes DM's number for it at this place.
func unroutable(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	out := *f
	out.Code = codeRoutes
	return &out
}

// unopened gives a connection error DM's number for it at this place.
func unopened(op string, err error) error {
	err = fault.Wrap(op, err)
	var f *fault.Error
	if errors.As(err, &f) {
		f.Code = codeOpenFailed
	}
	return err
}

func addressOf(db config.Database) string {
	return fmt.Sprintf("address of db instance - %s:%d", db.Host, db.Port)
}

// check is one check: what it is called, and how to do it.
type check struct {
	name, desc string
	run        func(ctx context.Context) finding
}

// finding is the answer of a check; the zero value is a success.
type finding struct {
	details     []Detail
	instruction string
}

func failed(instruction, format string, args ...any) finding {
	return finding{details: []Detail{{Severity: Failed, ShortErr: fmt.Sprintf(format, args...)}}, instruction: instruction}
}

// unanswered is the finding for a server that did not answer a check's question:
// only a warning when time ran out.
func unanswered(err error) finding {
	d := Detail{Severity: Failed, ShortErr: err.Error()}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		d.Severity = Warning
	}
	return finding{details: []Detail{d}, instruction: fault.HintOf(err)}
}

// run does all checks of one server at the same time, each within a limit; the
// pool bounds how many ask at once.
func run(ctx context.Context, limit time.Duration, checks []check, extra string) []Result {
	out := make([]Result, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			f := c.run(ctx)
			out[i] = Result{Name: c.name, Desc: c.desc, State: f.state(), Errors: f.details, Instruction: f.instruction, Extra: extra}
		})
	}
	wg.Wait()
	return out
}

// state is that of the worst detail.
func (f finding) state() State {
	state := Success
	for _, d := range f.details {
		if d.Severity == Failed {
			return Failed
		}
		state = Warning
	}
	return state
}

// sameTarget finds tables whose names differ in case only, which TiDB and others take for one.
func sameTarget(tables []schema.Name) error {
	seen := map[string]schema.Name{}
	for _, n := range tables {
		key := strings.ToLower(dbconn.Ident(n.Schema, n.Table))
		if other, ok := seen[key]; ok && other != n {
			return &fault.Error{Kind: fault.Invalid, Code: codeSameTable,
				Msg:  fmt.Sprintf("same target table %s vs %s: the names differ in case only, which targets such as TiDB do not tell apart", dbconn.Ident(n.Schema, n.Table), dbconn.Ident(other.Schema, other.Table)),
				Hint: "leave one of the two out with block-allow-list and case-sensitive: true, or rename it upstream"}
		}
		seen[key] = n
	}
	return nil
}
