package check

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"math/bits"
	"slices"

	"github.com/anishathalye/porcupine"
)

// classes is how many sorts of writes an object has.
const classes = 4

// move is a step of the model: an operation, or a moment from which on so many
// requests of each class may be carried out, and so many may not any more.
type move struct {
	leads         [3]uint8
	moment        bool
	arms, disarms [classes]uint16
}

// possibility is one value that the object may have, and how many requests of
// each class may still be carried out if it does.
type possibility struct {
	value uint8
	left  [classes]uint16
}

// belief is all possibilities, in a form that can be compared, and how many
// requests are armed. Requests of a class are alike, so that they are counted:
// with twenty lost requests the possibilities are dozens and not millions.
type belief struct {
	armed [classes]uint16
	text  string // the possibilities, sorted
}

// model is one object, of which nothing is known at first.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any {
			return pack([classes]uint16{}, []possibility{{value: absent}, {value: running}, {value: paused}})
		},
		Step: func(state, input, _ any) (bool, any) {
			next := state.(belief).step(input.(move))
			return next.text != "", next
		},
		Hash: func(state any) uint64 {
			h := fnv.New64a()
			_, _ = h.Write([]byte(state.(belief).text)) // a hash takes everything
			return h.Sum64()
		},
	}
}

// step gives what is believed after a move. Before it, any of the armed requests
// may have been carried out.
func (b belief) step(m move) belief {
	all := spread(b.unpack())
	if m.moment {
		return b.pass(m, all)
	}
	var next []possibility
	for _, p := range all {
		if p.value = follow(p.value, m.leads); p.value != 0 {
			next = append(next, p)
		}
	}
	return pack(b.armed, next)
}

// pass is step for a moment.
func (b belief) pass(m move, all []possibility) belief {
	for class := range m.arms {
		// Those carried out are taken to be the ones with the least time left: no
		// other choice leaves more for later.
		b.armed[class] -= min(m.disarms[class], b.armed[class])
		for i := range all {
			all[i].left[class] = min(all[i].left[class], b.armed[class]) + m.arms[class]
		}
		b.armed[class] += m.arms[class]
	}
	return pack(b.armed, all)
}

// spread adds what armed requests can make of each possibility.
func spread(all []possibility) []possibility {
	effects := classEffects()
	for i := 0; i < len(all); i++ {
		p := all[i]
		for class, leads := range effects {
			to := follow(p.value, leads)
			if p.left[class] == 0 || to == 0 || to == p.value {
				continue
			}
			next := p
			next.value, next.left[class] = to, p.left[class]-1
			if !slices.ContainsFunc(all, next.within) {
				all = append(all, next)
			}
		}
	}
	return all
}

// within tells whether o allows everything that p does.
func (p possibility) within(o possibility) bool {
	if p.value != o.value {
		return false
	}
	for class := range p.left {
		if p.left[class] > o.left[class] {
			return false
		}
	}
	return true
}

// pack sorts the possibilities and leaves out those that others contain.
func pack(armed [classes]uint16, all []possibility) belief {
	var kept []possibility
	for i, p := range all {
		covered := slices.ContainsFunc(kept, p.within)
		for _, o := range all[i+1:] {
			covered = covered || (p.within(o) && p != o)
		}
		if !covered {
			kept = append(kept, p)
		}
	}
	slices.SortFunc(kept, func(a, b possibility) int {
		return cmp.Or(cmp.Compare(a.value, b.value), slices.Compare(a.left[:], b.left[:]))
	})
	text := make([]byte, 0, len(kept)*recordSize)
	for _, p := range kept {
		text = append(text, p.value)
		for _, n := range p.left {
			text = binary.BigEndian.AppendUint16(text, n)
		}
	}
	return belief{armed: armed, text: string(text)}
}

// recordSize is the length of a possibility in a belief's text.
const recordSize = 1 + 2*classes

func (b belief) unpack() []possibility {
	var out []possibility
	for text := []byte(b.text); len(text) > 0; text = text[recordSize:] {
		p := possibility{value: text[0]}
		for class := range p.left {
			p.left[class] = binary.BigEndian.Uint16(text[1+2*class:])
		}
		out = append(out, p)
	}
	return out
}

// follow gives where a step leads from a value, 0 if nowhere.
func follow(from uint8, leads [3]uint8) uint8 { return leads[bits.TrailingZeros8(from)] }
