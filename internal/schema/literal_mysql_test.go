//go:build mysql

package schema_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestLiteralRoundTripMySQL is TestLiteralRoundTrip with a MySQL 9.
func TestLiteralRoundTripMySQL(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cases := slices.DeleteFunc(literalCases(), func(c literalCase) bool {
		return strings.Contains(c.column, "COMPRESSED") || strings.HasPrefix(c.column, "INET") || c.column == "UUID" || strings.Contains(c.column, "TEXT UNIQUE")
	})
	server := testbed.MySQL(t)
	roundTrip(t, ctx, server, mysql.MySQLFlavor, append(cases,
		literalCase{"VECTOR(3)", []string{"STRING_TO_VECTOR('[1,-0.1,1e20]')", "STRING_TO_VECTOR('[1.5e-30,3.40282e38,16777200]')"}}))
	// What the dump reads is what the binlog has.
	var raw []byte
	if err := server.DB().QueryRowContext(ctx, "SELECT CAST(STRING_TO_VECTOR('[1,-0.1,1e20]') AS BINARY)").Scan(&raw); err != nil || string(raw) != "\x00\x00\x80\x3f\xcd\xcc\xcc\xbd\xec\x78\xad\x60" {
		t.Errorf("%x, %v", raw, err)
	}
}
