package check

import (
	"maps"
	"slices"

	"github.com/raftdm/raftdm/jepsen/history"
)

// Bank reports ErrTornTxn when a snapshot of the target lacks an account, or
// when the accounts do not hold together what they hold at any time upstream.
func Bank(h history.History) error {
	v := violations{promise: ErrTornTxn}
	each(h, history.BankRead, func(op history.Op, in history.Bank, out history.Balances) {
		sum := int64(0)
		for _, b := range out.Rows {
			sum += b[1]
		}
		if len(out.Rows) != in.Accounts || sum != in.Total {
			v.add("the %d accounts of source %s hold %d; they are %d and always hold %d: %s",
				len(out.Rows), in.Source, sum, in.Accounts, in.Total, op)
		}
	})
	return v.err()
}

// BankEnds reports what is different on the target after the last transfer, as
// ErrLostRow: a transfer that did not arrive.
func BankEnds(h history.History) error {
	v := violations{promise: ErrLostRow}
	each(h, history.BankFinal, func(_ history.Op, in history.Bank, out history.BankEnd) {
		up, down := byAccount(out.Upstream), byAccount(out.Target)
		all := maps.Clone(up)
		maps.Copy(all, down)
		for _, account := range slices.Sorted(maps.Keys(all)) {
			u, onUp := up[account]
			d, onDown := down[account]
			if u != d || onUp != onDown {
				v.add("source %s, account %d: upstream %d (there: %t), target %d (there: %t)", in.Source, account, u, onUp, d, onDown)
			}
		}
	})
	return v.err()
}

func byAccount(rows []history.Balance) map[int64]int64 {
	out := make(map[int64]int64, len(rows))
	for _, r := range rows {
		out[r[0]] = r[1]
	}
	return out
}
