package check

import (
	"testing"

	"github.com/raftdm/raftdm/jepsen/history"
)

// bank is two accounts that hold a hundred.
var bank = history.Bank{Source: "s", Accounts: 2, Total: 100}

func balances(list ...int64) history.Balances {
	var out history.Balances
	for i, b := range list {
		out.Rows = append(out.Rows, history.Balance{int64(i), b})
	}
	return out
}

func TestBank(t *testing.T) {
	judge(t, Bank, []verdict{
		{"money moves", newTale().ok("r", history.BankRead, bank, balances(50, 50)).ok("r", history.BankRead, bank, balances(-20, 120)), nil},
		{"half a transfer", newTale().ok("r", history.BankRead, bank, balances(50, 50)).ok("r", history.BankRead, bank, balances(40, 50)), []error{ErrTornTxn}},
		{"an account is missing and the sum is right", newTale().ok("r", history.BankRead, bank, balances(100)), []error{ErrTornTxn}},
		{"a read that failed says nothing", newTale().add("r", history.BankRead, history.Failed, bank, nil), nil},
	})
}

func TestBankEnds(t *testing.T) {
	end := func(up, down history.Balances) *tale {
		return newTale().ok("r", history.BankFinal, bank, history.BankEnd{Upstream: up.Rows, Target: down.Rows})
	}
	judge(t, BankEnds, []verdict{
		{"equal", end(balances(30, 70), balances(30, 70)), nil},
		{"a whole transfer is missing", end(balances(30, 70), balances(50, 50)), []error{ErrLostRow}},
		{"an account is missing", end(balances(0, 100), balances()), []error{ErrLostRow}},
		{"an account with nothing in it is missing", end(balances(100, 0), balances(100)), []error{ErrLostRow}},
		{"an account too many", end(balances(100), balances(100, 0)), []error{ErrLostRow}},
	})
}
