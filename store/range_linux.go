package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Bytes far beyond the end of any store, which are locked and never written. Locks
// of an open file description (fcntl(2), F_OFD_SETLK) go when it is closed or its
// process dies, as those of flock do, and do not touch them.
const (
	writerByte = 1<<62 + iota // locked by who has the store open for writing
	queueByte                 // locked, together with others, by who waits for the data
)

// rangesWork tells whether bytes of f can be locked apart from the whole. Where the
// file lies on another machine, flock is made of such locks itself.
func rangesWork(f *os.File) bool {
	var fs unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &fs) != nil {
		return false
	}
	switch uint32(fs.Type) {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.V9FS_MAGIC, unix.AFS_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC:
		return false
	}
	lk := rangeLock(unix.F_WRLCK, queueByte)
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lk) == nil
}

func rangeLock(kind int16, at int64) unix.Flock_t {
	return unix.Flock_t{Type: kind, Whence: 0, Start: at, Len: 1}
}

// lockByte locks a byte of f without waiting: alone, or together with others.
func lockByte(f *os.File, at int64, alone bool) (ok bool, err error) {
	kind := int16(unix.F_RDLCK)
	if alone {
		kind = unix.F_WRLCK
	}
	lk := rangeLock(kind, at)
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lk)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	return err == nil, err
}

// unlockByte gives a byte of f free.
func unlockByte(f *os.File, at int64) error {
	lk := rangeLock(unix.F_UNLCK, at)
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lk)
}

// byteTaken tells whether somebody else has locked a byte of f.
func byteTaken(f *os.File, at int64) bool {
	lk := rangeLock(unix.F_WRLCK, at)
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lk)
	return err == nil && lk.Type != unix.F_UNLCK
}
