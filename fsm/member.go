package fsm

// Bucket layout
//
//	members   <master>  {"peer":…,"client":…,"instance":…}
//
// It says where each dm-master is reached and which data directory it is. Who
// votes is raft's own configuration and not repeated here.

import (
	"fmt"

	"github.com/raftdm/raftdm/internal/fault"
)

// PutMember makes a dm-master known, or notes its new addresses. It is refused
// when an address belongs to another member, or when the name is known with
// another data directory (38040). Value: none.
type PutMember struct {
	Name                   MasterName
	Peer, Client, Instance string
}

// RemoveMember forgets a dm-master (38048 when there is none). Value: none.
type RemoveMember struct {
	Name MasterName
}

type memberRecord struct {
	Peer     string `json:"peer"`
	Client   string `json:"client"`
	Instance string `json:"instance"`
}

func (c PutMember) apply(t *txn) (any, error) {
	for _, f := range []struct{ what, text string }{
		{"master name", string(c.Name)}, {"master peer address", c.Peer},
		{"master client address", c.Client}, {"master instance", c.Instance},
	} {
		if err := checkName(f.what, f.text); err != nil {
			return nil, err
		}
	}
	have, known := t.Member(c.Name)
	if known && have == Member(c) {
		return nil, nil
	}
	if known && have.Instance != c.Instance {
		return nil, refuse(fault.Exists, codeJoin,
			fmt.Sprintf("master %s joined before with another data directory", c.Name),
			"start it with its former data-dir, or remove it with offline-member --master first")
	}
	for _, m := range t.Members() {
		if m.Name == c.Name {
			continue
		}
		for _, addr := range []string{c.Peer, c.Client} {
			if addr == m.Peer || addr == m.Client {
				return nil, refuse(fault.Exists, codeJoin,
					fmt.Sprintf("master %s cannot have the address %s, which is that of master %s", c.Name, addr, m.Name),
					"give it another address, or remove the other one with offline-member --master first")
			}
		}
	}
	t.changed(Touch{Noun: NounMember, Member: c.Name})
	return nil, t.putJSON(bucketMembers, []byte(c.Name), memberRecord{Peer: c.Peer, Client: c.Client, Instance: c.Instance})
}

func (c RemoveMember) apply(t *txn) (any, error) {
	if _, ok := t.Member(c.Name); !ok {
		return nil, refuse(fault.NotFound, codeNoMaster, fmt.Sprintf("master %s does not exist", c.Name),
			"list-member --master shows the masters")
	}
	t.changed(Touch{Noun: NounMember, Member: c.Name, Deleted: true})
	return nil, t.del(bucketMembers, []byte(c.Name))
}

func (r memberRecord) member(name MasterName) Member {
	return Member{Name: name, Peer: r.Peer, Client: r.Client, Instance: r.Instance}
}

// Member gives one dm-master.
func (v *View) Member(name MasterName) (Member, bool) {
	var r memberRecord
	if !v.getJSON(bucketMembers, []byte(name), &r) {
		return Member{}, false
	}
	return r.member(name), true
}

// Members gives all dm-masters, by name.
func (v *View) Members() []Member {
	var out []Member
	for k, raw := range v.scan(bucketMembers, nil) {
		var r memberRecord
		if v.unmarshal(bucketMembers, k, raw, &r) {
			out = append(out, r.member(MasterName(k)))
		}
	}
	return out
}
