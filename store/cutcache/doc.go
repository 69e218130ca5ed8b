// Package cutcache keeps the activations of a network at a cut in a file beside the
// store, so that photos go through the frozen part of a network once, not in every epoch.
//
// # Model
//
// Activations belong to a Key: model, cut, photo (the digest of its bytes) and view. They
// depend on nothing else, so what is there is never stale; at most the photo is gone from
// the store, or the model. They are kept as float16: half the size, and read faster than
// computed. Round makes of numbers what Put and Get would, so that a training gives the
// same result with a cache and without.
//
// # Promises
//
// The file may be deleted at any time. Get gives what Put was given, rounded, or nothing:
// every header, entry and activation is under a CRC-32C together with its key, and what is
// damaged, torn or cut short is not there, and its place is free. Nothing is ever synced
// to disk, since a kill loses at most the entry that is being written and a power cut
// what the system had not written yet. The file is read, never mapped, so nothing faults
// if another program cuts it short. A file that is something else is left alone.
//
// A cache belongs to one process at a time: another one's Open returns ErrLocked, and goes
// on without. Where the system has no such locks, two would make each other's entries
// unreadable, never wrong.
//
// # Room
//
// The file grows up to Options.Limit, and not where that would leave less than 1 GiB of
// the disk free. Then the oldest segment of another model or cut that has nothing in use
// makes room, then the oldest entries of the same cut that are not in use. In use is what
// this process has put, got or asked for with Has. If all else is in use Put returns
// ErrFull: every epoch reads all photos, so that evicting some for others gains nothing.
// Call Has for all that will be needed before the first Put.
//
// # Layout
//
// The file consists of segments of 16 MiB, of which the last may be cut short. All
// entries of one have the model, the cut and the number of activations in common.
// Numbers are little-endian.
//
//	0     magic    "featstore.cut", 0, 0, version 1
//	16    age      uint64  a segment begun later has a larger one; never 0
//	24    values   uint32  activations of an entry
//	28    lengths  uint16 each, of model and cut
//	32    names    model, cut
//	4092  CRC-32C of the bytes before
//	4096  table    a row of 48 bytes for each slot:
//	               photo (32 bytes), view, shift, data CRC, row CRC (uint32 each)
//	then, at the next multiple of 64, the slots, each a multiple of 64 bytes long:
//	               float16 each, times 2^shift
//
// Both CRCs of a row begin with the CRC of values, the length of model (uint32 each),
// model and cut. The row's goes over the bytes before it; that of the data over photo,
// view, shift and the activations' bytes. A row whose CRC does not fit is a vacant slot.
// There are as many slots as fit.
//
// shift is 0 unless a number is beyond the 65,504 of float16; then it is the least with
// which the largest number has a magnitude below 2^15. Rounding is to the nearest, ties to
// even.
//
// Chosen by measurement over bbolt, for entries of 90 kB: Put was 17 times as fast, Get
// 1.3 times, deletion gives space back, and no damage can do harm.
package cutcache
