package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ticks is the unit of processor times under /proc on every Linux there is.
const ticks = 100

// processTimes is what /proc/PID/stat says about one process, in ticks.
type processTimes struct {
	parent int
	own    int64 // user and system
	reaped int64 // of its children that have ended
}

func readTimes(pid int) (t processTimes, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return t, err
	}
	// The name, in brackets, may hold anything; the state is the 3rd field, utime the 14th.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 15 {
		return t, fmt.Errorf("process %d does not tell its times", pid)
	}
	var n [4]int64
	for i := range n {
		n[i], err = strconv.ParseInt(fields[11+i], 10, 64)
		if err != nil {
			return t, err
		}
	}
	t.parent, err = strconv.Atoi(fields[1])
	t.own, t.reaped = n[0]+n[1], n[2]+n[3]
	return t, err
}

// cpuSeconds gives the processor time that a process has used so far.
func cpuSeconds(pid int) (float64, error) {
	t, err := readTimes(pid)
	return float64(t.own) / ticks, err
}

// usage is the processor time of the machine so far, in ticks.
type usage struct{ all, busy, ours int64 }

// readUsage counts us and our children as ours: every server and every program
// that is measured is one.
func readUsage() (u usage, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, f := range strings.Fields(line)[1:9] { // user to steal; those of guests are in user
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return u, err
		}
		u.all += n
		if i != 3 && i != 4 { // idle, waiting for a disk
			u.busy += n
		}
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return u, err
	}
	for _, d := range dirs {
		pid, err := strconv.Atoi(filepath.Base(d))
		if err != nil {
			return u, err
		}
		t, err := readTimes(pid)
		if err != nil {
			continue // it has ended
		}
		if slices.Contains([]int{pid, t.parent}, os.Getpid()) {
			u.ours += t.own + t.reaped
		}
	}
	return u, nil
}

// elsewhere runs f and gives the part of the machine that went to others
// meanwhile: with much of it a measurement says little.
func elsewhere(f func() error) (float64, error) {
	before, err := readUsage()
	if err != nil {
		return 0, err
	}
	failed := f()
	after, err := readUsage()
	others := (after.busy - before.busy) - (after.ours - before.ours)
	return float64(max(others, 0)) / float64(max(after.all-before.all, 1)), errors.Join(failed, err)
}
