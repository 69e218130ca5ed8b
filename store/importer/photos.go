package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"featstore/split"
	"featstore/store"
)

// mostPhoto is the size of the largest photo that is read, as in package ingest.
const mostPhoto = 256 << 20

// hashPhotos gives the entries of the batch the digests of their photos.
func (im *importing) hashPhotos(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, e := range im.batch {
		if e.reason != "" {
			continue
		}
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := im.hashPhoto(e); err != nil {
				e.reason = err.Error()
				if errors.Is(err, fs.ErrNotExist) {
					e.reason = "there is no such photo in the folder of photos"
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// hashPhoto gives an entry the digest of its photo. One with the size and the time that the
// store knows is not read.
func (im *importing) hashPhoto(e *entry) error {
	said := e.image.Digest
	name := filepath.Join(e.root, filepath.FromSlash(e.path))
	info, err := os.Stat(name)
	if err != nil {
		return withoutPath(err)
	}
	e.image.Size, e.image.MTime = info.Size(), info.ModTime().UnixNano()
	if root, ok := im.roots[e.root]; ok {
		var old store.Image
		var known bool
		err := im.db.View(func(tx *store.Tx) (err error) {
			old, known, err = imageAt(tx, root.ID, e.path)
			return err
		})
		if err != nil {
			return err
		}
		if known && old.Size == e.image.Size && old.MTime == e.image.MTime {
			e.image.Digest = old.Digest
			return sameBytes(said, old.Digest)
		}
	}
	f, err := im.src.opt.open(name)
	if err != nil {
		return withoutPath(err)
	}
	defer f.Close()
	digest, n, err := split.Sum(io.LimitReader(f, mostPhoto+1))
	switch {
	case err != nil:
		return withoutPath(err)
	case n > mostPhoto:
		return fmt.Errorf("the photo has more than %d bytes", mostPhoto)
	case n != e.image.Size:
		return errors.New("the photo changed while it was read")
	}
	e.image.Digest = digest
	return sameBytes(said, digest)
}

// sameBytes compares what a row says of its photo's bytes with what they are.
func sameBytes(said, is split.Digest) error {
	if said != noDigest && said != is {
		return fmt.Errorf("the photo is another one: its SHA-256 begins %s, that of the row %s", is.Short(), said.Short())
	}
	return nil
}
