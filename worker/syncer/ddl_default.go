package syncer

import (
	"regexp"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
)

// otherDefault tells whether servers of different kinds give rows that are there
// different values in a new column with this definition. maria and tidb tell which
// kinds are among them. What is told apart is what TestDefaultsOfServers finds.
func otherDefault(c *ast.ColumnDef, maria, tidb bool) bool {
	text, notNull := "", false
	for _, o := range c.Options {
		switch o.Tp {
		case ast.ColumnOptionNotNull, ast.ColumnOptionPrimaryKey:
			notNull = true
		case ast.ColumnOptionGenerated:
			return false
		case ast.ColumnOptionDefaultValue:
			text, _ = restore(o.Expr)
		}
	}
	switch c.Tp.GetType() {
	case mysql.TypeJSON: // what is no JSON to a MariaDB, null to the others
		return maria && notNull && text == ""
	case mysql.TypeYear: // a number of two digits is of this century to a TiDB, also zero
		return tidb && text == "0"
	case mysql.TypeDatetime, mysql.TypeTimestamp, mysql.TypeDuration, mysql.TypeDate, mysql.TypeNewDate:
		digits := strings.TrimRight(fractionOf(text), "0")
		return maria && len(digits) > max(c.Tp.GetDecimal(), 0) // which a MariaDB cuts, and others round
	case mysql.TypeString, mysql.TypeVarchar, mysql.TypeVarString, mysql.TypeBlob, mysql.TypeTinyBlob, mysql.TypeMediumBlob, mysql.TypeLongBlob:
		// A TiDB writes all digits of a number, and takes bytes for text.
		return tidb && (withExponent.MatchString(text) || strings.HasPrefix(strings.ToLower(text), "x'"))
	}
	return false
}

var (
	withFraction = regexp.MustCompile(`\.(\d+)'?$`)
	withExponent = regexp.MustCompile(`^[-+]?[0-9.]+[eE]`)
)

// fractionOf gives the digits behind the point that a literal ends with.
func fractionOf(literal string) string {
	if m := withFraction.FindStringSubmatch(literal); m != nil {
		return m[1]
	}
	return ""
}
