package rpc

import (
	"errors"
	"slices"
	"strings"

	"strconv"

	"github.com/raftdm/raftdm/internal/fault"
)

// codeNotSet is DM's number for what it has no number for.
const codeNotSet = 50000

// Numbers that rpc itself answers with.
const (
	codeDatabase       = 10001 // a database operation failed
	codeCheckFailed    = 26005
	codeGRPCRequest    = 38008 // a component did not answer
	codeWorkerConfig   = 38030
	codeNoLeader       = 38043
	codeNoExpected     = 38045 // the worker did not reach the wanted stage
	codeSourcesUnbound = 46009
	codeNoSource       = 46017
	codeNoTask         = 46018
	codeLatchInUse     = 46024
)

// codeRange is what holds for the numbers base*1000 to base*1000+999, except
// for those listed with another level, scope or class.
type codeRange struct {
	base                 int
	class, scope, level  string
	low, medium, high    []int
	upstream, downstream []int
	otherClass           string
	classed              []int
}

// codeRanges is the only table of DM's classes, scopes and levels. 11049 never
// comes: it is about a position in the form of query-status, (file, position), and
// no command or file takes one.
func codeRanges() []codeRange {
	return []codeRange{
		{base: 10, class: "database", scope: "not-set", level: "high"},
		{base: 11, class: "functional", scope: "internal", level: "high", low: []int{11017, 11118, 11122, 11123},
			medium:   []int{11103, 11104, 11108, 11110, 11111, 11112, 11113, 11115, 11116, 11117, 11125},
			upstream: []int{11123, 11125, 11126}, otherClass: "binlog-op", classed: []int{11126}},
		{base: 20, class: "config", scope: "internal", level: "medium", high: span(20034, 20049)},
		{base: 22, class: "binlog-op", scope: "internal", level: "high"},
		{base: 24, class: "checkpoint", scope: "internal", level: "high", medium: []int{24001, 24003, 24004, 24005, 24006}},
		{base: 26, class: "task-check", scope: "internal", level: "medium", high: []int{26002}},
		{base: 28, class: "relay-event-lib", scope: "internal", level: "high"},
		{base: 30, class: "relay-unit", scope: "internal", level: "high", upstream: []int{30012, 30014, 30015}},
		{base: 32, class: "dump-unit", scope: "internal", level: "high"},
		{base: 34, class: "load-unit", scope: "internal", level: "high", medium: []int{34001},
			otherClass: "functional", classed: span(34017, 34019)},
		{base: 36, class: "sync-unit", scope: "internal", level: "high", low: []int{36023, 36024, 36063, 36065},
			medium: []int{36005, 36006, 36025, 36026, 36035, 36036, 36037, 36038}, upstream: []int{36069}},
		{base: 38, class: "dm-master", scope: "internal", level: "high", low: []int{38048, 38049, 38052},
			medium: []int{38001, 38002, 38003, 38010, 38011, 38012, 38013, 38014, 38041, 38044, 38045, 38046, 38047}},
		{base: 40, class: "dm-worker", scope: "internal", level: "high", low: []int{40079},
			medium: append(span(40001, 40008), 40073, 40074)},
		{base: 42, class: "dm-tracer", scope: "internal", level: "medium", high: span(42008, 42010)},
		{base: 44, class: "schema-tracker", scope: "internal", level: "high", medium: []int{44007, 44009, 44010},
			downstream: []int{44001, 44007, 44013, 44014, 44015}},
		{base: 46, class: "scheduler", scope: "internal", level: "medium", low: []int{46024, 46025},
			high: append(span(46019, 46023), 46001), otherClass: "dm-master", classed: append(span(46015, 46017), 46009, 46010)},
		{base: 48, class: "dmctl", scope: "internal", level: "high", medium: []int{48002}},
		{base: 49, class: "openapi", scope: "internal", level: "high"},
		{base: 50, class: "not-set", scope: "not-set", level: "high"},
	}
}

func span(from, to int) []int {
	var out []int
	for n := from; n <= to; n++ {
		out = append(out, n)
	}
	return out
}

// Rendered is an error in the parts in which DM shows it.
type Rendered struct {
	Code                      int
	Class, Scope, Level       string
	Message, RawCause, Advice string
}

// Render puts an error into DM's parts. An error without a number of DM gets
// the general number of its sort; see numberOf.
func Render(err error) Rendered {
	number := numberOf(err)
	out := Rendered{Code: number, Advice: fault.HintOf(err)}
	for _, r := range codeRanges() {
		if r.base == number/1000 {
			out.Class, out.Scope, out.Level = r.describe(number)
		}
	}
	if out.Class == "" {
		out.Class, out.Scope, out.Level = "not-set", "not-set", "high"
	}
	if side := sideOf(err); side != fault.Self {
		out.Scope = side.String()
	}
	out.Message, out.RawCause = split(err)
	return out
}

func (r codeRange) describe(n int) (class, scope, level string) {
	class, scope, level = r.class, r.scope, r.level
	if slices.Contains(r.classed, n) {
		class = r.otherClass
	}
	switch {
	case slices.Contains(r.upstream, n):
		scope = "upstream"
	case slices.Contains(r.downstream, n):
		scope = "downstream"
	}
	switch {
	case slices.Contains(r.low, n):
		level = "low"
	case slices.Contains(r.medium, n):
		level = "medium"
	case slices.Contains(r.high, n):
		level = "high"
	}
	return class, scope, level
}

// numberOf gives the number an error carries, or the general one: that of the
// databases for their failures, of a missing leader, of a component that does
// not answer, and "not set" for everything else.
func numberOf(err error) int {
	var e *fault.Error
	for rest := err; errors.As(rest, &e); rest = e.Err {
		if e.Code != 0 {
			return e.Code
		}
	}
	switch {
	case sideOf(err) != fault.Self:
		return codeDatabase
	case fault.Is(err, fault.NotLeader):
		return codeNoLeader
	case fault.Is(err, fault.Unavailable):
		return codeGRPCRequest
	default:
		return codeNotSet
	}
}

func sideOf(err error) fault.Side {
	var e *fault.Error
	for rest := err; errors.As(rest, &e); rest = e.Err {
		if e.Side != fault.Self {
			return e.Side
		}
	}
	return fault.Self
}

// split separates an error's own words from the text of its root cause, which
// is the innermost error that is not ours.
func split(err error) (message, cause string) {
	text := err.Error()
	root := err
	for next := unwrap(root); next != nil; next = unwrap(root) {
		root = next
	}
	var ours *fault.Error
	if root == err || errors.As(root, &ours) {
		return text, ""
	}
	cause = root.Error()
	message = strings.TrimSuffix(text, cause)
	return strings.TrimSuffix(message, ": "), cause
}

// unwrap is errors.Unwrap that follows the first of several errors.
func unwrap(err error) error {
	if list, ok := err.(interface{ Unwrap() []error }); ok && len(list.Unwrap()) > 0 {
		return list.Unwrap()[0]
	}
	return errors.Unwrap(err)
}

// String gives the form that DM's logs and messages have.
func (r Rendered) String() string {
	var b strings.Builder
	b.WriteString("[code=" + strconv.Itoa(r.Code) + ":class=" + r.Class + ":scope=" + r.Scope + ":level=" + r.Level + "]")
	for _, part := range []struct{ name, text string }{
		{"Message", r.Message}, {"RawCause", r.RawCause}, {"Workaround", r.Advice},
	} {
		if part.text != "" {
			b.WriteString(", " + part.name + ": " + part.text)
		}
	}
	return b.String()
}
