package syncer

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"

	"github.com/raftdm/raftdm/internal/fault"
)

// restore writes a statement with quoted, qualified names, for a session
// without ANSI_QUOTES and with backslash escapes.
func restore(n ast.Node) (string, error) {
	var b strings.Builder
	flags := format.DefaultRestoreFlags | format.RestoreStringEscapeBackslash | format.RestoreStringWithoutDefaultCharset
	if err := n.Restore(format.NewRestoreCtx(flags, &b)); err != nil {
		return "", &fault.Error{Kind: fault.Unsupported, Code: codeUnsupportedStmt, Err: err, Msg: "a statement cannot be written for the target"}
	}
	return b.String(), nil
}

func excerpt(text string) string {
	const longest = 200
	if len(text) > longest {
		return strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return text
}

// sessionMode gives the sql_mode for executing a statement of the source: what
// changes the meaning of definitions. How text is quoted is left out, since
// restore has written the text anew, unless it is in the source's words; so are
// modes that only one kind of server knows.
func sessionMode(st *Statement, own bool) string {
	if !st.HasMode {
		return ""
	}
	type mode struct {
		bit  uint
		name string
	}
	var quotes []mode
	if own {
		quotes = []mode{{1, "PIPES_AS_CONCAT"}, {2, "ANSI_QUOTES"}, {3, "IGNORE_SPACE"}, {20, "NO_BACKSLASH_ESCAPES"}}
	}
	var out []string
	for _, m := range append(quotes, []mode{
		{0, "REAL_AS_FLOAT"}, {6, "NO_UNSIGNED_SUBTRACTION"}, {19, "NO_AUTO_VALUE_ON_ZERO"},
		{21, "STRICT_TRANS_TABLES"}, {22, "STRICT_ALL_TABLES"}, {23, "NO_ZERO_IN_DATE"}, {24, "NO_ZERO_DATE"},
		{25, "ALLOW_INVALID_DATES"}, {26, "ERROR_FOR_DIVISION_BY_ZERO"},
	}...) {
		if st.SQLMode&(1<<m.bit) != 0 {
			out = append(out, m.name)
		}
	}
	return strings.Join(out, ",")
}
