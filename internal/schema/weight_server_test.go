package schema_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestConflictKeysFollowWeights is peer-bugs 12: characters that a collation
// holds for equal share their conflict key. It asks the server for the weight of
// every character, also of those that weigh as much as several letters.
func TestConflictKeysFollowWeights(t *testing.T) {
	server := servers.MariaDB(t)
	for _, collate := range []string{
		"utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_unicode_520_ci", "utf8mb4_uca1400_ai_ci", "utf8mb4_uca1400_as_cs",
		"utf8mb3_general_ci", "utf8mb4_bin", "latin1_swedish_ci", "latin1_bin", "utf8mb4_general_nopad_ci",
	} {
		t.Run(collate, func(t *testing.T) {
			checkWeights(t, server, collate)
		})
	}
}

func checkWeights(t *testing.T, server *testbed.Server, collate string) {
	charset, _, _ := strings.Cut(collate, "_")
	last := 0x10ffff
	switch charset {
	case "utf8mb3":
		last = 0xffff
	case "latin1":
		last = 0xff
	}
	query := fmt.Sprintf("SELECT seq, HEX(CONVERT(CONVERT(UNHEX(LPAD(HEX(seq), 8, 0)) USING utf32) USING utf8mb4)), "+
		"HEX(WEIGHT_STRING(CONVERT(CONVERT(UNHEX(LPAD(HEX(seq), 8, 0)) USING utf32) USING %s) COLLATE %s)) FROM mysql.seq_0_to_%d "+
		"WHERE seq NOT BETWEEN 0xd800 AND 0xdfff", charset, collate, last)
	rows, err := server.DB().Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	table, err := schema.Parse(fmt.Sprintf("CREATE TABLE t (c varchar(10) COLLATE %s UNIQUE) CHARACTER SET %s", collate, charset), "", "d")
	if err != nil {
		t.Fatal(err)
	}
	// sample holds the first text of each weight, with its key.
	type keyed struct {
		text string
		key  uint64
	}
	sample := map[string]keyed{}
	latin1 := charset == "latin1"
	row := rowtest.Images(t, []string{"varchar(10)"})
	key := func(s string) uint64 {
		raw := s
		if latin1 {
			raw = toLatin1(s)
		}
		keys, err := table.ConflictKeys(nil, row(raw))
		if err != nil {
			t.Fatal(err)
		}
		return keys[0]
	}
	letters := map[string]string{}
	bad := 0
	for rows.Next() {
		var seq int
		var text, weight string
		if err := rows.Scan(&seq, &text, &weight); err != nil {
			t.Fatal(err)
		}
		b, err := hex.DecodeString(text)
		if err != nil || !utf8.Valid(b) || len(b) == 0 {
			continue
		}
		s := string(b)
		if latin1 && toLatin1(s) == "" {
			continue
		}
		if seq < 128 && (seq >= 'a' && seq <= 'z' || seq >= '0' && seq <= '9') {
			letters[weight] = s
		}
		if one, ok := sample[weight]; ok {
			if one.key != key(s) && bad < 200 {
				bad++
				t.Errorf("U+%04X %q equals %q (%[3]x) but keys differ: %x %x", seq, s, one.text, key(s), one.key)
			}
			continue
		}
		sample[weight] = keyed{s, key(s)}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for weight, one := range sample {
		if spelled, ok := spell(weight, letters); ok && len(spelled) > 1 && one.key != key(spelled) {
			t.Errorf("%q (%[1]x) equals %q but keys differ", one.text, spelled)
		}
	}
}

// spell splits a weight into weights of ASCII letters and digits.
func spell(weight string, letters map[string]string) (string, bool) {
	var out strings.Builder
	for weight != "" {
		found := false
		for w, s := range letters {
			if w != "" && strings.HasPrefix(weight, w) {
				out.WriteString(s)
				weight, found = weight[len(w):], true
				break
			}
		}
		if !found {
			return "", false
		}
	}
	return out.String(), true
}

func toLatin1(s string) string {
	r, _ := utf8.DecodeRuneInString(s)
	if r < 0x80 || r >= 0xa0 && r <= 0xff {
		return string([]byte{byte(r)})
	}
	return ""
}
