package expr_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/expr"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
	"github.com/raftdm/raftdm/internal/schema"
)

// truth evaluates a condition for a row that holds the values, and NULLs.
func truth(t *testing.T, condition string, values map[string]any) (bool, error) {
	t.Helper()
	e, err := expr.Parse(condition)
	if err != nil {
		return false, err
	}
	tbl, types := table(t, "utf8mb4_general_ci")
	b, err := e.Bind(tbl)
	if err != nil {
		return false, err
	}
	row := make([]any, len(types))
	for i, c := range declared() {
		row[i] = values[c[0]]
	}
	return b.True(rowtest.Image(t, types, row...), time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC))
}

func TestTrue(t *testing.T) {
	row := map[string]any{"a": 3, "b": 4, "c": 5, "u": uint64(1<<64 - 1), "d": "2.500", "f": 0.1, "s": "Straße", "x": []byte{0xff, 'a'},
		"y": []byte("ab"), "e": 2, "o": 3, "dt": "2021-01-01 04:34:56.568", "da": "2021-01-31", "ts": "2021-01-01 04:34:56.568", "t": "-01:02:03", "yr": 1999, "bt": 5}
	for condition, want := range map[string]bool{
		// the manual's
		"c % 2 = 0": false, "a*a + b*b = c*c": true, "ts > NOW()": false, "c_timestamp() > ts": false,
		"ts = '2021-01-01 12:34:56.568+08:00'": true, "ts = '2021-01-01 12:34:56.568'": false,
		"dt BETWEEN '2021-01-01T04:34:56+00:00' AND '2021-01-01 00:34:57-04:00'": true,
		"ts IN ('x', '2021-01-01 12:34:56.568+08:00')":                           true,
		// logic of three values
		"NULL": false, "NOT NULL": false, "NULL OR a = 3": true, "NULL AND a = 3": false, "NULL IS NULL": true, "NULL <=> NULL": true, "a <=> NULL": false,
		"a IN (1, NULL)": false, "a NOT IN (1, NULL)": false, "a IN (3, NULL)": true, "NULL XOR 1": false, "a": true, "a - 3": false, "0.4": true,
		"(a > 1) IS TRUE": true, "(NULL) IS NOT TRUE": true, "!(a = 3)": false,
		// numbers
		"u = 18446744073709551615": true, "u > 0": true, "u > -1": true, "d = 2.5": true, "d / 2 = 1.25": true, "a / 0 IS NULL": true, "a DIV 2 = 1": true, "-a % 2 = -1": true,
		"f = 0.1": true, "f + 0.2 = 0.3": false, "d + 0.2 = 2.7": true, "a = '3abc'": true, "a = '3'": true, "0.1 + 0.2 = 0.3": true, "bt = 5": true, "yr < 2000": true,
		// texts
		"s = 'STRASSE'": false, "s = 'straße'": true, "s = 'strase  '": true, "s LIKE 'stra%'": true, "s LIKE BINARY 'stra%'": false, "LENGTH(s) = 7": true, "CHAR_LENGTH(s) = 6": true,
		"s LIKE '_tra_e'": true, "CONCAT(s, a) = 'straße3'": true, "x = 0xff61": true, "HEX(x) = 'FF61'": true, "y = 'ab\\0\\0'": true, "y = 'ab'": false, "s REGEXP '^S.*e$'": true,
		"e = 'b'": true, "e = 2": true, "o = 'a,b'": true, "e IN ('x', 'B')": true, `s = "straße"`: true,
		// dates and times
		"da > '2021-01-30'": true, "YEAR(dt) = 2021": true, "dt < '2021-01-01 04:34:56.569'": true, "da + INTERVAL 1 MONTH = '2021-02-28'": true, "DATE(dt) = '2021-01-01'": true,
		"t < 0": true, "NOW() = '2024-02-29 12:00:00'": true, "CURDATE() = '2024-02-29'": true, "da = 20210131": true,
		"CASE WHEN a > 2 THEN 0 ELSE 1 END": false, "IF(a > 2, b, c) = 4": true, "COALESCE(NULL, a) = 3": true, "`a` = 3": true, "größe IS NULL": true, "größe = 'größe' OR `größe` IS NULL": true, "t.a = 3": true,
	} {
		if condition == "c_timestamp() > ts" {
			if _, err := expr.Parse(condition); err == nil {
				t.Error("an unknown function is accepted")
			}
			continue
		}
		got, err := truth(t, condition, row)
		if err != nil {
			t.Errorf("%s: %v", condition, err)
		} else if got != want {
			t.Errorf("%s is %v", condition, got)
		}
	}
}

// TestNulls: a column that is NULL makes most conditions neither true nor false.
func TestNulls(t *testing.T) {
	for _, c := range declared() {
		if c[0] == "e" || c[0] == "o" {
			continue // the evaluator has no truth for them, which Bind says
		}
		for condition, want := range map[string]bool{"%": false, "% = %": false, "% <=> %": true, "% IS NULL": true, "NOT %": false} {
			condition = strings.ReplaceAll(condition, "%", c[0])
			if got, err := truth(t, condition, nil); err != nil || got != want {
				t.Errorf("%s is %v, %v", condition, got, err)
			}
		}
	}
}

// TestRefused: a bad expression is refused with its place in the text.
func TestRefused(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "the expression is empty",
		"c % ":                       "syntax error at character 5",
		"c % 2 == 0":                 `syntax error at character 8 near "= 0"`,
		"größe > 1 AND AND b":        `syntax error at character 15 near "AND b"`,
		"c = 1, b":                   "is not one expression",
		"c = 1 FROM t":               `syntax error at character 7 near "FROM t"`,
		"c = 1) OR (a = 2":           "is not one expression",
		"c = 'größe' größe":          `syntax error at character 13 near "größe"`,
		"c = (SELECT 1)":             "a subquery cannot stand in an expression filter (character 6",
		"EXISTS (SELECT 1)":          "a subquery cannot stand",
		"c = 1 AND SUM(a) > 1":       "the aggregate function sum cannot stand in an expression filter (character 11",
		"c = @x":                     "a variable cannot stand in an expression filter (character 5",
		"c = @@sql_mode":             "a variable cannot stand in an expression filter (character 5",
		"c = :v1":                    "a placeholder cannot stand",
		"RAND() < 0.5":               "the function RAND, which does not depend on the row, cannot stand in an expression filter (character 1",
		"c > 0 AND NOSUCH(c) = 1":    "(character 11 of",
		"a = 1; DROP TABLE t":        "syntax error at character 6",
		"c = 'x":                     "syntax error",
		"ROW_NUMBER() OVER () = 1":   "",
		"MATCH (s) AGAINST ('x')":    "",
		"c = DEFAULT(c)":             "",
		"JSON_EXTRACT(s, '$.a') = ?": "",
	} {
		_, err := expr.Parse(in)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != expr.CodeGrammar || f.Hint == "" || !strings.Contains(f.Msg, want) {
			t.Errorf("%q: got %v, want %s", in, err, want)
		}
	}
	tbl, _ := table(t, "utf8mb4_general_ci")
	e, err := expr.Parse("a = 1 AND nope = 2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Bind(tbl); !errors.Is(err, expr.ErrNoColumn) || !strings.Contains(err.Error(), `there is no column "nope" in d.t (character 11 of`) {
		t.Errorf("unknown column: %v", err)
	}
	if got := strings.Join(e.Columns(), " "); got != "a nope" {
		t.Errorf("columns: %s", got)
	}
	for _, def := range []string{"j JSON", "g POINT", "k VARCHAR(9) COLLATE utf8mb4_uca1400_swedish_ai_ci"} {
		odd, err := schema.Parse("CREATE TABLE t ("+def+")", "", "d")
		if err != nil {
			t.Fatal(err)
		}
		e, err := expr.Parse(def[:1] + " = 'x'")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Bind(odd); !fault.Is(err, fault.Unsupported) {
			t.Errorf("%s: %v", def, err)
		}
	}
}

// TestOverflow: what has no value is an error that names the expression.
func TestOverflow(t *testing.T) {
	_, err := truth(t, "u + 1 > 0", map[string]any{"u": uint64(1<<64 - 1)})
	if !fault.Is(err, fault.Data) || !strings.Contains(err.Error(), "u + 1 > 0") || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func BenchmarkTrue(b *testing.B) {
	e, err := expr.Parse("a % 2 = 0 AND s LIKE 'x%'")
	if err != nil {
		b.Fatal(err)
	}
	tbl, types := table(b, "utf8mb4_general_ci")
	bound, err := e.Bind(tbl)
	if err != nil {
		b.Fatal(err)
	}
	row := make([]any, len(types))
	row[0], row[6] = 4, "xyz"
	image := rowtest.Image(b, types, row...)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if yes, err := bound.True(image, now); !yes || err != nil {
			b.Fatal(yes, err)
		}
	}
}
