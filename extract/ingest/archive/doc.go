// Package archive reads the files in zip archives and tar archives, also compressed with
// gzip, without unpacking them.
//
// The directory of a zip archive stands at its end, and the entries of a tar archive one after
// another, so the entries of both are read in any order. Those of a tar.gz come only in their order: see
// Archive.Sequential.
//
// # Trust
//
// Names and sizes in an archive are claims. A name that leads out of the archive is
// refused, an entry is read up to a limit that the caller sets, and an archive as a whole is refused
// if it has more than MaxEntries entries, or is a bomb: beyond 64 MB more than MaxRatio times
// as large as its file. Photos hardly compress.
//
// An archive that is damaged or cut short gives the entries before the damage: see
// Archive.Damage.
package archive

import "errors"

// Errors of archives and of their entries.
var (
	ErrNotArchive = errors.New("not an archive of a kind that is read: zip, tar, tar.gz")
	ErrTooMany    = errors.New("it has too many entries: unpack it")
	ErrBomb       = errors.New("it unpacks to far more than its size, as no archive of photos does")
	ErrDamaged    = errors.New("the archive is damaged or was cut short")
	ErrChanged    = errors.New("the archive has changed since it was opened")

	ErrEncrypted = errors.New("it is encrypted: unpack the archive with its password")
	ErrMethod    = errors.New("it is compressed in a way that is not read: unpack the archive")
	ErrUnsafe    = errors.New("its name leads out of the archive")
	ErrCut       = errors.New("the archive ends before it does")
	ErrSparse    = errors.New("it is a sparse file: unpack the archive")
)

// Why entries are left out.
var (
	errLink     = errors.New("links in archives are not followed")
	errReplaced = errors.New("a later entry of the archive has the same name")
)

const (
	// MaxEntries is how many entries an archive may have: ImageNet's training photos fit.
	MaxEntries = 2_000_000

	// MaxRatio is how many times larger than its file what an archive holds may be.
	MaxRatio = 200

	ratioFrom = 64 << 20 // bytes that any archive may unpack to
)

// isBomb tells whether a file of some size may not unpack to so many bytes.
func isBomb(unpacked, size int64) bool { return unpacked > ratioFrom && unpacked/MaxRatio > size }
