package foreign

import (
	"fmt"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// codeForm is DM's number for a statement that cannot be loaded.
const codeForm = 34006

// unread refuses a file with rows in a form that is not read. Left out as a trigger
// is, its table would count as loaded without them.
func (r *reading) unread(name string) error {
	base, ending := cutEnding(name)
	for slices.Contains([]string{"gz", "zst", "zstd", "snappy", "lz4", "bz2", "xz"}, ending) {
		base, ending = cutEnding(base)
	}
	switch ending {
	case "sql":
	case "csv", "tsv", "dat", "txt", "parquet":
		if r.known(base) == nil {
			return nil // somebody's notes
		}
	default:
		return nil
	}
	return &fault.Error{Kind: fault.Unsupported, Code: codeForm,
		Msg:  fmt.Sprintf("not supported yet: file %s in %s, of which only .sql and .sql.gz are read", name, r.dir),
		Hint: "dump with INSERT statements, compressed with gzip or not at all, or bring the file into that form; or move it away, if it is none of the dump's. Then resume-task"}
}

// cutEnding takes off what stands behind the last dot, in lower case.
func cutEnding(name string) (base, ending string) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return name, ""
	}
	return name[:i], strings.ToLower(name[i+1:])
}
