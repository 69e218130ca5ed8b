//go:build !linux

package store

import "os"

const (
	writerByte = iota
	queueByte
)

// rangesWork: elsewhere a store is locked for as long as it is open.
func rangesWork(*os.File) bool { return false }

func lockByte(*os.File, int64, bool) (bool, error) { return true, nil }
func unlockByte(*os.File, int64) error             { return nil }
func byteTaken(*os.File, int64) bool               { return false }
