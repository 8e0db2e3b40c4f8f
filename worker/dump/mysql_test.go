//go:build mysql

package dump

import (
	"slices"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// What is cut, resumed and begun anew with MySQL 9 as the source.

func TestMySQLChunksAreEven(t *testing.T) {
	cases := slices.DeleteFunc(slices.Clone(splitCases), func(c splitCase) bool { return strings.Contains(c.create, "UUID") })
	chunksAreEven(t, testbed.MySQL(t), cases)
}

func TestMySQLResumedDump(t *testing.T) { resumedDump(t, testbed.MySQL(t)) }

func TestMySQLDumpBeginsAnew(t *testing.T) { dumpBeginsAnew(t, testbed.MySQL(t)) }

func TestMySQLDumpOfWhatIsMissing(t *testing.T) {
	dumpOfWhatIsMissing(t, testbed.MySQL(t))
}
