package raftnode

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
)

// A connection between two members begins with a hello from each side, the
// connecting one first:
//
//	magic   8 bytes  "raftdmP1"
//	length  2 bytes  big endian
//	hello   JSON
//
// raft takes whoever answers at a member's address for that member. The hello
// makes sure that it is that one, of this cluster, and with the data directory
// that the cluster knows it by. One that is reached at two addresses would count
// twice; one that lost its directory forgot whom it voted for, and could give
// its vote a second time.

const (
	handshakeMagic = "raftdmP1"
	maxHello       = 4096
)

// errRefused is what raft gets when the two sides do not belong together; why
// was told to the log.
var errRefused = errors.New("the other side is not a member that this dm-master may talk to")

// hello is what a member says of itself.
type hello struct {
	Cluster  string `json:"cluster,omitempty"`
	Founders string `json:"founders,omitempty"`
	Name     string `json:"name"`
	Instance string `json:"instance"`
	// Index is how much of the log it has applied. Recorded: the state there
	// knows it by this instance.
	Index    fsm.Index `json:"index"`
	Recorded bool      `json:"recorded,omitempty"`
	// SecretKeys are Config.SecretKeys of that member.
	SecretKeys []string `json:"secretKeys,omitempty"`

	// Refused and Stranger are the accepting side's answer: why it closes the
	// connection, and that the connecting one is not in its configuration.
	Refused  string `json:"refused,omitempty"`
	Stranger bool   `json:"stranger,omitempty"`
}

// greeter is the node as the transport needs it.
type greeter interface {
	// hello is what to say.
	hello() hello
	// judge gives the sentence that refuses the other side, empty when it is
	// welcome; stranger tells that it is in no configuration known here.
	judge(other hello) (refused string, stranger bool)
	// expects gives the sentence that refuses the other side as the one that
	// answers at addr, empty when it is who it should be.
	expects(addr string, other hello) (refused string)
	// compare notes whether both sides can read each other's secrets.
	compare(other hello)
	// met hears of the end of a handshake with the member at addr: what it
	// said, and why it came to nothing.
	met(addr string, other hello, refused string)
}

func writeHello(w io.Writer, h hello) error {
	raw, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if len(raw) > maxHello {
		return fmt.Errorf("a hello of %d bytes is too long", len(raw))
	}
	head := binary.BigEndian.AppendUint16([]byte(handshakeMagic), uint16(len(raw)))
	_, err = w.Write(append(head, raw...))
	return err
}

var errNoHello = errors.New("it does not speak raftdm's protocol between masters")

func readHello(r io.Reader) (hello, error) {
	head := make([]byte, len(handshakeMagic)+2)
	if _, err := io.ReadFull(r, head); err != nil {
		return hello{}, err
	}
	n := binary.BigEndian.Uint16(head[len(handshakeMagic):])
	if string(head[:len(handshakeMagic)]) != handshakeMagic || n > maxHello {
		return hello{}, errNoHello
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(r, raw); err != nil {
		return hello{}, err
	}
	var h hello
	if err := json.Unmarshal(raw, &h); err != nil || h.Name == "" || h.Instance == "" {
		return hello{}, errNoHello
	}
	return h, nil
}

// sentence is an error with what to do about it; "" for one that says nothing
// but that nobody is there.
func sentence(err error) string {
	var told *fault.Error
	switch {
	case errors.Is(err, errNoHello):
		return err.Error()
	case !errors.As(err, &told):
		return ""
	case told.Hint == "":
		return told.Error()
	}
	return told.Error() + "; " + told.Hint
}

// introduce is the handshake of the connecting side.
func introduce(c net.Conn, addr string, g greeter, bound time.Duration) error {
	if err := c.SetDeadline(time.Now().Add(bound)); err != nil {
		return err
	}
	if err := writeHello(c, g.hello()); err != nil {
		return err
	}
	other, err := readHello(c)
	var told *fault.Error // what is wrong with TLS comes with the first thing read
	if errors.Is(err, errNoHello) || errors.As(err, &told) {
		g.met(addr, other, sentence(err))
		return errRefused
	}
	if err != nil {
		return err
	}
	g.compare(other)
	refused := other.Refused
	if refused == "" {
		refused, _ = g.judge(other)
	}
	if refused == "" {
		refused = g.expects(addr, other)
	}
	g.met(addr, other, refused)
	if refused != "" {
		return errRefused
	}
	return c.SetDeadline(time.Time{})
}

// welcome is the handshake of the accepting side.
func welcome(c net.Conn, g greeter, bound time.Duration) error {
	if err := c.SetDeadline(time.Now().Add(bound)); err != nil {
		return err
	}
	other, err := readHello(c)
	if err != nil {
		return err // anybody may knock; it is no member
	}
	g.compare(other)
	own := g.hello()
	own.Refused, own.Stranger = g.judge(other)
	if err := writeHello(c, own); err != nil {
		return err
	}
	if own.Refused != "" {
		g.met(c.RemoteAddr().String(), other, own.Refused)
		return errRefused
	}
	return c.SetDeadline(time.Time{})
}

// digest stands for an initial cluster in whatever order.
func digest(founders []Member) string {
	if len(founders) == 0 {
		return ""
	}
	var lines []string
	for _, m := range founders {
		lines = append(lines, fmt.Sprintf("%q=%q", m.Name, m.Addr))
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, ",")))
	return hex.EncodeToString(sum[:8])
}

func (n *Node) hello() hello {
	h := hello{Name: n.cfg.Name, Instance: n.id.Instance, Founders: n.id.Founders, SecretKeys: n.cfg.SecretKeys}
	// A store that can not be read is closing, and so is the node.
	_ = n.store.View(func(v *fsm.View) error {
		h.Cluster, h.Index = v.ClusterID(), v.Index()
		own, _ := v.Member(fsm.MasterName(h.Name))
		h.Recorded = own.Instance == h.Instance
		return nil
	})
	return h
}

func (n *Node) judge(o hello) (refused string, stranger bool) {
	var cluster string
	var known fsm.Member
	var recorded bool
	var index fsm.Index
	if err := n.store.View(func(v *fsm.View) error {
		cluster, index = v.ClusterID(), v.Index()
		known, recorded = v.Member(fsm.MasterName(o.Name))
		return nil
	}); err != nil {
		return "member " + n.cfg.Name + " is stopping", false
	}
	members := n.configuration()
	stranger = len(members) > 0 && !slices.ContainsFunc(members, func(m Member) bool { return m.Name == o.Name })
	switch {
	case cluster != "" && o.Cluster != "" && cluster != o.Cluster:
		return fmt.Sprintf("member %s belongs to cluster %s and member %s to cluster %s; correct the addresses in initial-cluster or join",
			n.cfg.Name, cluster, o.Name, o.Cluster), stranger
	case o.Name == n.cfg.Name:
		return "two processes are started as member " + o.Name + ", or its address leads back to itself; give each its own name", stranger
	case (cluster == "" || o.Cluster == "") && n.id.Founders != "" && o.Founders != "" && n.id.Founders != o.Founders:
		return fmt.Sprintf("members %s and %s were started with different lists in initial-cluster; give all founders the same one",
			n.cfg.Name, o.Name), stranger
	case recorded && known.Instance != "" && known.Instance != o.Instance && (!o.Recorded || o.Index <= index):
		// Otherwise it joined anew while this member was away, and a newer
		// state than the one here knows it.
		return fmt.Sprintf("member %s has another data directory than the one the cluster knows it by; "+
			"run `dmctl offline-member --master --name %s`, empty its data-dir and start it with --join", o.Name, o.Name), stranger
	}
	return "", stranger
}

func (n *Node) expects(addr string, o hello) (refused string) {
	for _, m := range n.configuration() {
		if m.Addr == addr && m.Name != o.Name {
			return fmt.Sprintf("dm-master %s answers at %s, the address of member %s; correct the name server, the port mapping or advertise-peer-urls",
				o.Name, addr, m.Name)
		}
	}
	return ""
}

// compare notes whether a member could not read what this one encrypts, or the other
// way round. It stays a member: keys are given to one master after the other.
func (n *Node) compare(o hello) {
	if o.Name == n.cfg.Name {
		return
	}
	reads := func(has, other []string) bool { return len(other) == 0 || slices.Contains(has, other[0]) }
	n.mu.Lock()
	defer n.mu.Unlock()
	if reads(n.cfg.SecretKeys, o.SecretKeys) && reads(o.SecretKeys, n.cfg.SecretKeys) {
		delete(n.otherKeys, o.Name)
		return
	}
	if n.otherKeys == nil {
		n.otherKeys = map[string]string{}
	}
	n.otherKeys[o.Name] = fmt.Sprintf("dm-master %s has other keys in its secret-key-path (%s) than dm-master %s (%s): "+
		"give both the same file and restart the one that was wrong", o.Name, keyNames(o.SecretKeys), n.cfg.Name, keyNames(n.cfg.SecretKeys))
}

func keyNames(ids []string) string {
	if len(ids) == 0 {
		return "none"
	}
	return strings.Join(ids, ", ")
}

// met tells each reason once, until it is another one or the member is welcome.
func (n *Node) met(addr string, o hello, refused string) {
	who := o.Name
	if who == "" {
		who = addr
	}
	if refused != "" {
		n.trouble.is(troubleRefused+who, "no connection with dm-master "+who+": "+refused)
		return
	}
	n.trouble.over(troubleRefused + who)
	if o.Stranger && o.Index > n.store.Applied() && !n.fresh {
		n.trouble.is(troubleStranger, removedSentence(n.cfg.Name))
	}
}
