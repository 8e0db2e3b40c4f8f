package raftnode

import (
	"errors"

	"github.com/hashicorp/raft"
)

// TransferWithoutLook is raft's transfer, without what TransferLeadership does
// to keep raft from losing track of one.
func (n *Node) TransferWithoutLook(to Member) error {
	for {
		err := n.raft.LeadershipTransferToServer(raft.ServerID(to.Name), raft.ServerAddress(to.Addr)).Error()
		if !errors.Is(err, raft.ErrLeadershipTransferInProgress) { // the one before is not quite over
			return err
		}
	}
}

// Term is raft's present term.
func (n *Node) Term() uint64 { return n.raft.CurrentTerm() }

// Elected tells whether raft takes this member for the leader.
func (n *Node) Elected() bool { return n.raft.State() == raft.Leader }
