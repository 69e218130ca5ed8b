package export

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A target is a file, or a folder of files, that is written beside its final name
// and takes that name when it is complete.
type target struct {
	given, final, temp string
	folder             bool
	force              bool
	files              []*targetFile
	bytes              int64 // written
	fault              func(step string) error
}

// targetFile is one file of a target, buffered.
type targetFile struct {
	*bufio.Writer
	file *os.File
}

// newTarget looks whether path can be written to. Nothing is made before the first
// create.
func newTarget(path string, folder bool, opt Options) (*target, error) {
	final, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	dir, name := filepath.Split(final)
	t := &target{given: path, final: final, folder: folder, force: opt.Force, fault: opt.fault}
	t.temp = filepath.Join(dir, fmt.Sprintf(".%s.%08x.tmp", name, rand.Uint32()))
	if err := t.free(); err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	t.removeUnfinished(dir, name)
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("write %s: %s is not a folder", path, dir)
	}
	return t, nil
}

// free tells whether the final name may be taken.
func (t *target) free() error {
	info, err := os.Lstat(t.final)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir() && !t.folder:
		return errors.New("it is a folder")
	case !info.IsDir() && t.folder:
		return errors.New("it is a file, not a folder")
	case !t.folder && !info.Mode().IsRegular():
		return fmt.Errorf("%w: no regular file", ErrForeign)
	case !t.folder:
		return t.replaceableFile()
	}
	return t.replaceable()
}

// parquetMagic is what every Parquet file begins and ends with.
const parquetMagic = "PAR1"

// replaceableFile tells whether the file at the final name may be replaced: with
// force, and only if it begins as an export does. A store or a photo whose name was
// given by mistake must not be lost.
func (t *target) replaceableFile() error {
	if !t.force {
		return ErrExists
	}
	return beginsAsExport(t.final)
}

// beginsAsExport tells whether a file may be an export of a single file.
func beginsAsExport(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	start, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return err
	}
	csvStart := strings.Join(csvColumns[:4], ",") + ","
	if len(start) == 0 || bytes.HasPrefix(start, []byte(csvStart)) || bytes.HasPrefix(start, []byte(parquetMagic)) {
		return nil
	}
	return fmt.Errorf("the file %w", ErrForeign)
}

// replaceable tells whether the folder at the final name holds nothing but an
// export: whoever mistypes a folder's name must not lose what is in it.
func (t *target) replaceable() error {
	entries, err := os.ReadDir(t.final)
	if err != nil || len(entries) == 0 {
		return err
	}
	text, err := os.ReadFile(filepath.Join(t.final, headerName))
	var h header
	if err != nil || json.Unmarshal(text, &h) != nil || h.Kind != headerKind {
		return fmt.Errorf("the folder %w", ErrForeign)
	}
	for _, e := range entries {
		if !slices.Contains(npyNames, e.Name()) {
			return fmt.Errorf("the folder holds %s too, which no export writes: it %w", e.Name(), ErrForeign)
		}
	}
	if !t.force {
		return ErrExists
	}
	return nil
}

// create begins a file: name is its name within a folder.
func (t *target) create(name string) (*targetFile, error) {
	at := t.temp
	if t.folder {
		if len(t.files) == 0 {
			if err := t.step("mkdir", func() error { return os.Mkdir(t.temp, 0o777) }); err != nil {
				return nil, err
			}
		}
		at = filepath.Join(t.temp, name)
	}
	f := &targetFile{}
	err := t.step("create", func() (err error) {
		f.file, err = os.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		if err == nil {
			markInUse(f.file)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	f.Writer = bufio.NewWriterSize(counted{t, f.file}, 1<<18)
	t.files = append(t.files, f)
	return f, nil
}

// counted writes to a file of a target and counts the bytes.
type counted struct {
	t    *target
	file *os.File
}

func (c counted) Write(b []byte) (n int, err error) {
	err = c.t.step("write", func() error {
		n, err = c.file.Write(b)
		return err
	})
	c.t.bytes += int64(n)
	return n, err
}

// close brings all files to disk and closes them.
func (t *target) close() error {
	for _, f := range t.files {
		err := f.Flush()
		if err == nil {
			err = t.step("sync", f.file.Sync)
		}
		if err == nil {
			err = t.step("close", f.file.Close)
		}
		if err != nil {
			return err
		}
	}
	if t.folder {
		syncDir(t.temp)
	}
	return nil
}

// commit gives the closed files their final name.
func (t *target) commit() error {
	if err := t.step("look again", t.free); err != nil {
		return err
	}
	if !t.folder {
		if err := t.step("rename", func() error { return os.Rename(t.temp, t.final) }); err != nil {
			return err
		}
	} else if err := t.swap(); err != nil {
		return err
	}
	syncDir(filepath.Dir(t.final))
	return nil
}

// swap puts the folder in the place of what is there. A folder cannot be renamed
// over another one, so for a moment the old one has a hidden name ending in .old; a
// kill just then leaves it there, complete.
func (t *target) swap() error {
	if _, err := os.Lstat(t.final); errors.Is(err, fs.ErrNotExist) {
		return t.step("rename", func() error { return os.Rename(t.temp, t.final) })
	}
	old := strings.TrimSuffix(t.temp, ".tmp") + ".old"
	if err := t.step("set aside", func() error { return os.Rename(t.final, old) }); err != nil {
		return err
	}
	if err := t.step("rename", func() error { return os.Rename(t.temp, t.final) }); err != nil {
		if back := os.Rename(old, t.final); back != nil {
			return fmt.Errorf("%w; the earlier export is in %s", err, old)
		}
		return err
	}
	return os.RemoveAll(old)
}

// discard removes what has not got its final name.
func (t *target) discard() error {
	for _, f := range t.files {
		f.file.Close() // again, mostly
	}
	return os.RemoveAll(t.temp)
}

// A diskError is one of the files written. It does not name them: the user knows
// them by the final name.
type diskError struct{ err error }

func (e *diskError) Error() string { return e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

// step does one thing that can fail on the disk.
func (t *target) step(name string, do func() error) error {
	var err error
	if t.fault != nil {
		err = t.fault(name)
	}
	if err == nil {
		err = do()
	}
	if err == nil {
		return nil
	}
	return &diskError{withoutPath(err)}
}

// withoutPath takes the names of files out of an error.
func withoutPath(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// syncDir makes new names in a folder last. Some systems cannot, and need not.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}
