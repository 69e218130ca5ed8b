package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"featstore/store/internal/filelock"
)

// Processes take turns by three locks on the store's file; see the package comment.
// The data is locked as bbolt does it, so that other programs which know bbolt, and
// earlier versions of this one, keep away.

const (
	lockRetry = 5 * time.Millisecond

	// stepBack is how long a process that sees others wait leaves them the data.
	stepBack = 500 * time.Millisecond

	// turnTimeout bounds the wait of a store already open for a transaction.
	turnTimeout = 10 * time.Minute

	// lastWait is how long a change waits for its turn once the context is cancelled.
	// Readers step back when somebody waits, most of them at once.
	lastWait = 2 * time.Second

	// tellAfter is how long a wait lasts before Options.Waiting hears of it.
	tellAfter = 2 * time.Second
)

// A turn is what a DB holds of the store's locks.
type turn struct {
	mu      sync.Mutex
	shared  bool // the locks are held for transactions only, not until Close
	reading int  // transactions of a reader under way
	seen    boltMeta
	size    int64

	writing sync.Mutex // held while a writer has the data to itself
}

// enter begins a reading transaction: leave ends it. Where another process has
// changed the store since the last one, the file is opened anew.
func (db *DB) enter() error {
	if !db.turn.shared || !db.readOnly {
		return nil
	}
	db.turn.mu.Lock()
	defer db.turn.mu.Unlock()
	if db.turn.reading == 0 {
		if err := db.catchUp(); err != nil {
			return err
		}
	}
	db.turn.reading++
	return nil
}

// catchUp locks the data for reading and makes sure that bbolt sees its last state.
func (db *DB) catchUp() error {
	if db.bolt == nil { // it could not be opened anew before
		return db.reopen()
	}
	if err := db.lockData(false); err != nil {
		return err
	}
	err := db.renew()
	if err != nil && db.bolt != nil {
		db.unlockData()
	}
	return err
}

func (db *DB) leave() error {
	if !db.turn.shared || !db.readOnly {
		return nil
	}
	db.turn.mu.Lock()
	defer db.turn.mu.Unlock()
	if db.turn.reading--; db.turn.reading > 0 {
		return nil
	}
	return db.unlockData()
}

// crowded tells whether another process waits for the data that a reader has.
func (db *DB) crowded() bool {
	if !db.readOnly { // it shares the data between its changes
		return false
	}
	db.turn.mu.Lock()
	defer db.turn.mu.Unlock()
	return db.turn.shared && byteTaken(db.file, queueByte)
}

// begin gives a writer the data to itself: end ends that.
func (db *DB) begin() error {
	if !db.turn.shared {
		return nil
	}
	db.turn.writing.Lock()
	err := db.lockData(true)
	if err == nil {
		err = db.unchanged()
	}
	if err != nil {
		db.share() // what another program has done stays unseen: no later change may pass either
	}
	return err
}

// end lets readers of other processes in again, and notes what there is now.
func (db *DB) end() error {
	if !db.turn.shared {
		return nil
	}
	if db.broken.Load() {
		db.turn.writing.Unlock()
		return nil
	}
	m, size, err := db.state()
	if err == nil {
		db.turn.seen, db.turn.size = m, size
	}
	return errors.Join(err, db.share())
}

// share ends a writer's turn.
func (db *DB) share() error {
	defer db.turn.writing.Unlock()
	_, _, err := filelock.Try(db.file, false)
	return err
}

// settle is the end of opening: from now on the data is locked for transactions.
func (db *DB) settle() error {
	if !db.turn.shared {
		return nil
	}
	if db.readOnly {
		return db.unlockData()
	}
	_, _, err := filelock.Try(db.file, false)
	return err
}

// state reads what the file's headers say now.
func (db *DB) state() (boltMeta, int64, error) {
	info, err := db.file.Stat()
	if err != nil {
		return boltMeta{}, 0, err
	}
	if info.Size() < db.turn.size {
		return boltMeta{}, 0, fmt.Errorf("%w: it has been cut short, from %d bytes to %d", ErrCorrupt, db.turn.size, info.Size())
	}
	m, err := readMeta(db.file, info.Size())
	return m, info.Size(), err
}

// unchanged makes sure that nobody else has written: another program might not know
// of the writer's lock.
func (db *DB) unchanged() error {
	m, _, err := db.state()
	if err == nil && m.txid != db.turn.seen.txid {
		err = fmt.Errorf("another program has changed it meanwhile: %w", ErrLocked)
	}
	return err
}

// renew opens the file anew if it is another one, or has changed, since a reader saw
// it last.
func (db *DB) renew() error {
	same, err := sameFile(db.file, db.path)
	if errors.Is(err, os.ErrNotExist) {
		return ErrNotExist
	}
	if err != nil {
		return withoutPath(err)
	}
	if same {
		m, _, err := db.state()
		if err != nil || m.txid == db.turn.seen.txid {
			return err
		}
	}
	return db.reopen()
}

// reopen replaces bbolt's view of the file, which it maps only once.
func (db *DB) reopen() error {
	if b := db.bolt; b != nil {
		db.bolt = nil
		if err := b.Close(); err != nil {
			return err
		}
	}
	opt := db.opt
	opt.Timeout = turnTimeout
	if err := db.openBolt(opt); err != nil {
		db.bolt = nil
		return err
	}
	err := db.load()
	if err != nil { // not to be taken for a store that is known the next time
		err = errors.Join(err, db.bolt.Close())
		db.bolt = nil
	}
	return err
}

// lockData locks the data, alone or together with others. Who waits is in the queue,
// and who could go on at once lets the queue go first.
func (db *DB) lockData(alone bool) error {
	d := db.opt.until(turnTimeout)
	if alone {
		d.more = lastWait
	}
	patience := time.Now().Add(stepBack)
	for byteTaken(db.file, queueByte) && time.Now().Before(patience) {
		if err := d.sleep(); err != nil {
			return err
		}
	}
	if ok, _, err := filelock.Try(db.file, alone); ok || err != nil {
		return err
	}
	if _, err := lockByte(db.file, queueByte, false); err != nil {
		return err
	}
	defer unlockByte(db.file, queueByte)
	_, err := waitLock(db.file, alone, d)
	return err
}

func (db *DB) unlockData() error { return filelock.Unlock(db.file) }

// A deadline is when a wait ends, and who is told that it takes long.
type deadline struct {
	end  time.Time
	ctx  context.Context
	more time.Duration // to wait once ctx is cancelled
	tell func(holder string)
	late time.Time
}

func (opt Options) until(timeout time.Duration) *deadline {
	now := time.Now()
	ctx := opt.Context
	if ctx == nil {
		ctx = context.Background()
	}
	return &deadline{end: now.Add(timeout), ctx: ctx, tell: opt.Waiting, late: now.Add(tellAfter)}
}

// pause waits a little before another try. It returns ErrLocked if time is up, and the
// context's error if that is cancelled.
func (d *deadline) pause(f *os.File) error {
	now := time.Now()
	if now.After(d.end) {
		return locked(f)
	}
	if d.tell != nil && now.After(d.late) {
		d.tell(holder(f))
		d.tell = nil
	}
	return d.sleep()
}

// sleep waits a little, or returns the error of a cancelled context.
func (d *deadline) sleep() error {
	select {
	case <-time.After(lockRetry):
		return nil
	case <-d.ctx.Done():
	}
	if d.more <= 0 {
		return d.ctx.Err()
	}
	d.more -= lockRetry
	time.Sleep(lockRetry)
	return nil
}

// locked is ErrLocked with who holds the lock.
func locked(f *os.File) error {
	if who := holder(f); who != "" {
		return fmt.Errorf("%w, %s", ErrLocked, who)
	}
	return ErrLocked
}

// waitLock locks the data of f, trying until the deadline.
func waitLock(f *os.File, alone bool, d *deadline) (release func() error, err error) {
	for {
		ok, release, err := filelock.Try(f, alone)
		if err != nil {
			return nil, fmt.Errorf("cannot lock it: %w", err)
		}
		if ok {
			return release, nil
		}
		if err := d.pause(f); err != nil {
			return nil, err
		}
	}
}

// waitWriter waits until nobody else has the store open for writing.
func waitWriter(f *os.File, d *deadline) error {
	for {
		ok, err := lockByte(f, writerByte, true)
		if ok || err != nil {
			return err
		}
		if err := d.pause(f); err != nil {
			return err
		}
	}
}
