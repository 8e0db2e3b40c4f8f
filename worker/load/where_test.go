package load

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/route"
)

func TestMoved(t *testing.T) {
	plain := &route.Target{Schema: "s", Table: "x`y", Routed: true}
	extract := &route.Target{Schema: "s", Table: "t", Routed: true, Columns: []route.Column{{Name: "c`1", Value: "a'b\\"}, {Name: "c2"}}}
	for _, c := range []struct {
		in   string
		to   *route.Target
		want string
	}{
		{"INSERT INTO `t` (`a`,`b`) VALUES\n(1,'VALUES\\n'),\n(2,')');\n", plain, "INSERT INTO `s`.`x``y` (`a`,`b`) VALUES\n(1,'VALUES\\n'),\n(2,')');\n"},
		{"INSERT INTO `t``u` (`a`,`b`) VALUES\n(1,'x),'),\n(2,')');\n", extract,
			"INSERT INTO `s`.`t` (`a`,`b`,`c``1`,`c2`) VALUES\n(1,'x),','a''b\\\\',''),\n(2,')','a''b\\\\','');\n"},
		{"INSERT /* error values: 2 */ INTO `t` (`a`) VALUES\n(0);\n", extract,
			"INSERT /* error values: 2 */ INTO `s`.`t` (`a`,`c``1`,`c2`) VALUES\n(0,'a''b\\\\','');\n"},
		{"INSERT INTO `t` VALUES\n(0);\n", plain, "INSERT INTO `s`.`x``y` VALUES\n(0);\n"},
	} {
		got, err := moved([]byte(c.in), c.to)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
		} else if diff := cmp.Diff(c.want, string(got)); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := moved([]byte("INSERT INTO `t` VALUES\n(0);\n"), extract); err == nil {
		t.Error("a column is added to an INSERT without columns")
	}
}
