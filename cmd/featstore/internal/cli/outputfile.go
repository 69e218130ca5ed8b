package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"featstore/extract/userfile"
)

// An outputFile is where a command writes a file that somebody asked for with -o.
type outputFile struct {
	path  string
	force bool
}

// check refuses a file that is there already, before any work is done.
func (o outputFile) check() error {
	info, err := os.Lstat(o.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		_, err = os.Stat(filepath.Dir(o.path))
		return userfile.WithoutPath(err)
	case err != nil:
		return userfile.WithoutPath(err)
	case info.IsDir():
		return errors.New("it is a folder")
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case !o.force:
		return hint(fs.ErrExist, "--force replaces it, -o names another")
	}
	return nil
}

// write writes the file, which gets its name when it is complete.
func (o outputFile) write(data []byte) error {
	if err := o.check(); err != nil {
		return err
	}
	return userfile.WithoutPath(writeWhole(o.path, data))
}
