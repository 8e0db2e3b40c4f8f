package schema

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestDecodingAgreesWithServer is peer-bugs 14: each code that both a server and
// the tables here know is the same character to both.
func TestDecodingAgreesWithServer(t *testing.T) {
	db := testbed.MariaDB(t, testbed.WithoutBinlog()).DB()
	charsets := map[string]int{ // to the least number of codes that both know
		"gbk": 21919, "euckr": 17000, "cp932": 7900, "latin1": 256, "cp1250": 250, "cp1251": 255, "cp1256": 240, "cp1257": 244,
		"cp850": 256, "cp852": 256, "koi8r": 256, "latin2": 224, "latin5": 256, "latin7": 224, "macroman": 256, "ucs2": 50000, "utf16": 50000, "utf16le": 50000,
	}
	for name, least := range charsets {
		c := Column{Name: "c", Type: "varchar", Charset: name}
		same := 0
		for lead := range 256 {
			codes := codesOf(name, byte(lead))
			parts := make([]string, len(codes))
			for i, code := range codes {
				parts[i] = fmt.Sprintf("CONVERT(CAST(x'%x' AS CHAR CHARACTER SET %[2]s) USING utf8mb4), CAST(CAST(x'%[1]x' AS CHAR CHARACTER SET %[2]s) AS BINARY)", code, name)
			}
			values, into := make([][]byte, 2*len(codes)), make([]any, 2*len(codes))
			for i := range values {
				into[i] = &values[i]
			}
			if err := db.QueryRow("SELECT " + strings.Join(parts, ",")).Scan(into...); err != nil {
				t.Fatal(name, err)
			}
			for i, code := range codes {
				theirs := string(values[2*i])
				if string(values[2*i+1]) != string(code) || utf8.RuneCountInString(theirs) != 1 || theirs == "?" && code[0] != '?' {
					continue // no character, or two of one byte each
				}
				ours, err := c.utf8(code)
				switch {
				case err != nil:
				case string(ours) != theirs:
					t.Errorf("%s %x: %q, on the server %q", name, code, ours, theirs)
				default:
					same++
				}
			}
		}
		if same < least {
			t.Errorf("%s: %d codes agree, want %d", name, same, least)
		}
	}
}

// codesOf lists the codes that begin with a byte.
func codesOf(charset string, lead byte) [][]byte {
	var out [][]byte
	if !isUnicode(charset) {
		out = append(out, []byte{lead})
	}
	if charmapOf(charset) != nil || charset == "latin1" || !isUnicode(charset) && lead < 0x80 {
		return out
	}
	for second := range 256 {
		out = append(out, []byte{lead, byte(second)})
	}
	return out
}
