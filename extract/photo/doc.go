// Package photo turns the bytes of a picture file into the input of a network:
// prepared pixels.
//
// # Model
//
// A Preprocess says how photos are prepared for one network: the size of its input,
// what is cut off, how the rest is scaled, and how pixels are normalised. A preset is
// the preparation that a family of networks was trained with; Settings are a
// preparation of which parts may still be missing.
//
// A photo takes two steps. Preprocess.Decode tells the format by the file's first
// bytes, checks the size in its header against Limits, and decodes it: a JPEG to its
// planes of luma and chroma, of which parts that the preparation does not need are
// left out. Preprocess.Fill cuts, scales, turns upright as EXIF says, and writes
// normalised float32 values, row by row: a whole RGB picture never exists.
// Preprocess.Pixels does both. DecodeConfig reads the header only.
//
// An Augment makes views of a photo for training: mirrored, cut, enlarged, turned and
// lit a little differently at random, but the same for the same photo and number of the
// view. Preprocess.FillView shows a decoded photo in a View; PrepareView and PrepareViews
// do all steps. The zero View is the plain photo, what Fill shows.
//
// JPEG, PNG, GIF, WebP, BMP, TIFF, HEIC and AVIF are read; of animations, the first frame.
// Of raw photos the largest JPEG that the camera put into them is read. HEIC and AVIF are
// decoded by packages heif and codec, without libraries of the system.
//
// # Promises
//
// Networks are trained on what Pillow and libjpeg make of photos, and notice when
// they get something else: rounding alone, done elsewhere, moves the features of a
// small photo by a cosine of 0.97. So the inverse DCT, the upsampling of chroma, the
// conversion to RGB and the resampling are Pillow's to the bit, in integers, and the
// same on every machine. So are views. HEIC and AVIF have, within two levels, the pixels
// that libheif and libavif make of them; turned and cut they are here.
//
// A large JPEG is decoded at ½, ¼ or ⅛ of its size where Preprocess.JPEGReduce allows it:
// to the pixels that Pillow's draft mode gives, exactly and everywhere, but not to those
// that full decoding and scaling give. Networks hardly notice that. A photo that has less
// than twice the pixels of the input on either axis, or is no JPEG, keeps its pixels.
//
// Colours of wide gamuts, such as Display P3 and Adobe RGB, are converted to sRGB by the ICC
// profile in the file where Preprocess.Color says so. Transparency is laid over white.
//
// Whatever the bytes, the result is pixels or an error that wraps ErrCorrupt,
// ErrUnsupportedFormat or ErrTooLarge, never a panic. Memory is bounded by Limits: a
// header that announces more than the file can hold, or a picture whose decoding takes
// more than a photo may have, is refused before anything is allocated. Preprocess.Prepare
// waits for the photo's share of a Memory, which many goroutines share.
//
// A Scratch holds the memory of both steps, for one goroutine at a time. Reused, it
// saves nearly all allocations; the result does not depend on what it was used for
// before.
package photo
