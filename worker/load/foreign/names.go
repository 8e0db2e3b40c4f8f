package foreign

import (
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/worker/load/sqlfile"
)

// created reads the name in "CREATE TABLE `name` ..."; ok is false for another
// statement.
func created(text string, kinds ...string) (name string, ok bool) {
	for _, kind := range kinds {
		if name, ok = sqlfile.Created(text, kind); ok {
			return name, true
		}
	}
	return "", false
}

// escape is how dumpling writes a name in the name of a file.
func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; c {
		case '%', '/', '\\', ':', '*', '?', '"', '<', '>', '|', '.', 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	out := b.String()
	if rest, ok := strings.CutSuffix(out, "-schema"); ok {
		out = rest + "%2Dschema"
	}
	return out
}

// unescape undoes escape; a name that only looks like it stays as it is.
func unescape(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		var c byte
		if name[i] == '%' && i+2 < len(name) {
			if n, err := fmt.Sscanf(name[i+1:i+3], "%02X", &c); err == nil && n == 1 {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(name[i])
	}
	return b.String()
}
