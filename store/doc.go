// Package store keeps what featstore knows in one bbolt file: which images there
// are, the feature vectors computed from them, and the heads trained on those.
//
// # Model
//
// An image is a path under a root (a photo folder), with the digest of its bytes
// and a label. A vector belongs to a digest and a model: the same bytes are never
// computed twice by the same model, however many paths hold them.
//
// Where a vector lies follows from the images that have its digest. If they all
// carry one label, it lies under that label in the split that the store's policy
// (or a split set by hand) gives the digest. If they carry different labels it
// lies aside, disputed, where no trainer sees it; if none carries a label (of a root that
// says so, see LabelsNone), likewise, unlabelled, until one does. If no image is left it is
// removed. PutImage, DeleteImage, SetSplit and Resplit move vectors in the same
// transaction that makes the move due, so this holds after every commit, and after
// a kill at any moment.
//
// A model may also have vectors of views: of its training photos, changed at random
// (Tx.SetViews). They lie and move like those of the plain photos, in a bucket of their
// own, so that nothing meets them that does not ask for them.
//
// # Use
//
// Open a store, change it within Update or through a Writer, read it within View.
// A transaction sees the store as it was when it began. Training reads through an
// Index (the keys of a split, loaded once) and a Sampler (minibatches by rank).
//
// One process may have a store open for writing, others may have it open for reading
// meanwhile: they take turns, a transaction at a time (see Locks). Who has to wait too
// long gets ErrLocked. Within a process, a DB may be used by several goroutines, a Tx
// and a Sampler by one. Do not call Update inside View, Each or a range over
// images, nor while the same goroutine has a Sampler open: where the file cannot be
// mapped with room to grow (on Windows, and in 32 bits), a change that makes the
// file grow waits until nobody reads.
//
// A damaged file makes errors that wrap ErrCorrupt, never a crash: pages are looked
// at before bbolt follows them, and each record and each vector has a checksum. What
// is lost without a trace, such as the last keys of a page, shows in the counts that
// each transaction keeps. Check looks at everything and says what is wrong. Where one
// of bbolt's two headers is invalid the other is used; Doubt then says what may be
// missing.
//
// # Locks
//
// bbolt locks its file (flock) for as long as it is open. Here that lock is held for
// transactions only: shared while a reader has one, exclusive while a writer changes
// something, shared between a writer's changes. Two locks of single bytes beyond the
// end of the file (fcntl, of the open file) make that fair and safe. The first is
// held by who has the store open for writing, until it is closed, so that nobody
// else's change comes in between. The second is held by all who wait: DB.Each and
// Samplers look at it between rows and batches, and step back until it is free.
//
// When a transaction begins, the headers are compared with those of the one before.
// If another process has changed the store, or has put another file in its place,
// the file is opened anew; a writer never needs to, so turns cost it some system
// calls a commit. An Index made before such a change may be used on: vectors belong
// to digests, so a row is the same as before or the pass ends with ErrStale.
//
// All of these locks go with the process. Where there are no locks of that kind
// (other systems than Linux, files on other machines) a store is locked for as long
// as it is open: by one writer or several readers.
//
// # Lifetimes
//
// What Each and Samplers hand out are copies, so a file that is cut short beneath a
// reader makes an error within this package, never a fault in other code. Tx.Vector
// may alias the mapped file: such memory is read-only and valid until the transaction
// ends. Records (Image, Model, Head …) are copies.
//
// # Layout of the file
//
// Any program that reads bbolt and msgpack can read a store. A trailing slash
// marks a bucket; binary keys are big-endian, file names are slash-separated.
//
//	meta/       kind      str  "featstore"
//	            format    int  2, or 3 once there was an unlabelled image; a program refuses
//	                           numbers it does not know
//	            policy    map  validation, testing: percentages; salt: str
//	            created   timestamp
//	            resplit   map  only while splits change: policy (the new one), done (bin):
//	                           digests below done are placed by the new policy
//	            counts    map  roots, images, failures, splits, models, heads, vectors, views; last_root
//	roots/      <root: 8 bytes>                   map  path, name, seen (timestamp), layout (if not by label),
//	                                               labels (if not by folder: see LabelSource)
//	images/     <root>/ <path>                    map  digest (bin 32), size, mtime (ns since 1970), label
//	failures/   <root>/ <path>                    map  reason, size, mtime, when (timestamp)
//	digests/    <digest: 32 bytes ‖ root ‖ path>  str  the image's label
//	splits/     <digest>                          str  split set by hand: training, validation or testing
//	models/     <model id>                        map  name, file_sha256, tap, pool, dim, preprocess, engine, added,
//	                                               weights_sha256, layout, precision, path, network (bytes kept),
//	                                               tuned (from, cut, fingerprint, at, unfinished),
//	                                               imported (from) if no network computed the vectors,
//	                                               views (augment, count), replaced
//	heads/      <name>                            map  see Head
//	networks/   <model id>/ <piece: 4 bytes>      bin  at most 1 MiB of the network's ONNX file
//	            <model id>/ about                 map  size, sha256 (of all pieces)
//	checkpoints/ <name>/                          the same, for the state of an unfinished training
//	features/   <model id>/ <split>/ <label>/ <digest>  vector
//	            <model id>/ disputed/ <digest>          vector
//	            <model id>/ unlabelled/ <digest>        vector
//	views/      <model id>/ <split>/ <label>/ <digest ‖ number: 4 bytes>  vector
//	            <model id>/ disputed/ <digest ‖ number>          vector
//	            <model id>/ unlabelled/ <digest ‖ number>        vector
//
// The bbolt sequence of each bucket that holds vectors is the number of its keys, so
// counting needs no walk over the vectors' pages. Buckets without keys are removed,
// except those at the top and a model's own. The buckets networks, checkpoints and views are
// made when they are first needed.
//
// Each of these values but kind, format and those of digests, which repeat what
// images say, is followed by its seal, a second msgpack value: an ext value of
// application type 2, whose four bytes are a CRC-32C, little-endian, over the bucket's
// name, the keys below it, each with its length before it (uint32, little-endian),
// and the value. A seal that does not fit is ErrCorrupt.
//
//	d6 02 <crc: 4>
//
// A store of format 1, which had neither seals nor counts, is read as it is. Opening
// it for writing upgrades it in one transaction: each record is sealed as it stands.
// Programs of format 1 then refuse it with ErrNewer.
//
// # Layout of a vector
//
// A vector is one msgpack ext value of application type 1. Its data is padding to
// reach a multiple of four, a CRC-32C (Castagnoli) of the floats' bytes, then the
// float32s; all little-endian.
//
//	up to 16,382 floats:  c8 <size: uint16 BE> 01              <crc: 4> <floats>
//	more:                 c9 <size: uint32 BE> 01  00 00       <crc: 4> <floats>
//
// With 32-byte keys every float lies 4-byte aligned in the file, so it is used in
// place. Where a program prefers not to know any of this,
//
//	numpy.frombuffer(msgpack.unpackb(value).data[4:], '<f4')
//
// reads a vector of the first form (data[6:] reads the second).
package store
