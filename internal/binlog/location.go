package binlog

import (
	"encoding/json"
	"fmt"
)

// Location is one point of a source's binlog in both ways of naming it. Both
// are filled whenever the server tells both; a source without GTIDs has an
// empty set.
type Location struct {
	Position Position
	GTID     GTIDSet
}

// String shows both parts for logs and messages.
func (l Location) String() string {
	return fmt.Sprintf("%s gtid=%s", l.Position, l.GTID)
}

// IsZero tells whether l names no point at all.
func (l Location) IsZero() bool { return l.Position.IsZero() && l.GTID.IsEmpty() }

// locationJSON is the stored form: the set as its text, with its flavour.
type locationJSON struct {
	Name   string `json:"name"`
	Pos    uint32 `json:"pos"`
	GTID   string `json:"gtid,omitempty"`
	Flavor string `json:"flavor,omitempty"`
}

// MarshalJSON gives {"name","pos","gtid","flavor"}.
func (l Location) MarshalJSON() ([]byte, error) {
	return json.Marshal(locationJSON{
		Name: l.Position.Name, Pos: l.Position.Pos, GTID: l.GTID.String(), Flavor: l.GTID.Flavor(),
	})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (l *Location) UnmarshalJSON(data []byte) error {
	var in locationJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	out := Location{Position: Position{Name: in.Name, Pos: in.Pos}}
	if in.Flavor != "" || in.GTID != "" {
		set, err := ParseGTIDSet(in.Flavor, in.GTID)
		if err != nil {
			return err
		}
		out.GTID = set
	}
	*l = out
	return nil
}
