package syncer

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"

	"github.com/raftdm/raftdm/internal/fault"
)

// skipWords begin statements that are never replicated: they are about the
// server, its users, or things other than tables. A word "*" stands for any one.
func skipWords() []string {
	return []string{
		"SAVEPOINT", "FLUSH", "OPTIMIZE TABLE", "OPTIMIZE LOCAL TABLE", "OPTIMIZE NO_WRITE_TO_BINLOG TABLE",
		"ANALYZE TABLE", "ANALYZE LOCAL TABLE", "ANALYZE NO_WRITE_TO_BINLOG TABLE",
		"REPAIR TABLE", "REPAIR LOCAL TABLE", "REPAIR NO_WRITE_TO_BINLOG TABLE", "DROP TEMPORARY TABLE", "CREATE TEMPORARY TABLE",
		"GRANT", "REVOKE", "SET PASSWORD", "SET DEFAULT ROLE",
		"CREATE USER", "ALTER USER", "RENAME USER", "DROP USER", "CREATE ROLE", "DROP ROLE",
		"CREATE TRIGGER", "DROP TRIGGER", "CREATE PROCEDURE", "ALTER PROCEDURE", "DROP PROCEDURE",
		"CREATE FUNCTION", "ALTER FUNCTION", "DROP FUNCTION", "CREATE AGGREGATE FUNCTION",
		"CREATE VIEW", "ALTER VIEW", "DROP VIEW", "CREATE TABLESPACE", "ALTER TABLESPACE", "DROP TABLESPACE",
		"CREATE EVENT", "ALTER EVENT", "DROP EVENT", "CREATE PACKAGE", "DROP PACKAGE", "CREATE SERVER", "DROP SERVER",
		"INSTALL", "UNINSTALL", "BINLOG",
	}
}

// definers may stand between CREATE or ALTER and the kind of a thing.
func isDefiner(word string) bool {
	for _, p := range []string{"DEFINER=", "ALGORITHM=", "SQL"} {
		if strings.HasPrefix(word, p) {
			return true
		}
	}
	return word == "SECURITY" || word == "DEFINER" || word == "INVOKER" || word == "OR" || word == "REPLACE"
}

// skippedByForm tells whether a statement is one that is never replicated.
func skippedByForm(text string) bool {
	words := strings.Fields(strings.ToUpper(stripComments(text)))
	if len(words) == 0 {
		return true
	}
	kept := words[:1]
	for i := 1; i < len(words) && len(kept) < 4; i++ {
		if len(kept) == 1 && isDefiner(words[i]) {
			// DEFINER=`a` @ `b` may be cut by blanks; the kind is found further on.
			continue
		}
		kept = append(kept, words[i])
	}
	head := strings.Join(kept, " ") + " "
	for _, s := range skipWords() {
		if strings.HasPrefix(head, s+" ") {
			return true
		}
	}
	return false
}

// stripComments drops comments before the first word, except those that servers execute.
func stripComments(text string) string {
	for {
		text = strings.TrimSpace(text)
		switch {
		case strings.HasPrefix(text, "/*") && !strings.HasPrefix(text, "/*!") && !strings.HasPrefix(text, "/*M!"):
			_, rest, found := strings.Cut(text, "*/")
			if !found {
				return ""
			}
			text = rest
		case strings.HasPrefix(text, "# ") || strings.HasPrefix(text, "-- "):
			_, rest, found := strings.Cut(text, "\n")
			if !found {
				return ""
			}
			text = rest
		default:
			return text
		}
	}
}

func isDML(text string) bool {
	word, _, _ := strings.Cut(strings.ToUpper(stripComments(text)), " ")
	switch word {
	case "INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD":
		return true
	}
	return false
}

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
