//go:build !linux && !darwin && !windows

package cutcache

import "math"

// freeBytes knows nothing here.
func freeBytes(string) uint64 { return math.MaxUint64 }
