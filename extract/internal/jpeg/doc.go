// Package jpeg decodes JPEG photos (ITU-T T.81) to planes, fast.
//
// It reads baseline, extended and progressive Huffman-coded files of 8 bits a
// sample with one, three or four components, any number of scans, and restart
// markers. Any component may be subsampled against any other, luma too, by whole
// numbers. Arithmetic coding, lossless, hierarchical and 12-bit files are named
// and refused, as are sampling factors that stand for fractions.
//
// A Decoder hands out the planes as they are coded: chroma stays at its own
// resolution and nothing is converted to RGB. They are the decoder's memory,
// valid until its next Decode; decoding photo after photo with one decoder
// allocates nothing once the largest has been seen.
//
// The inverse DCT is the accurate integer one of Loeffler, Ligtenberg and
// Moschytz with 13-bit constants, rounded as libjpeg's "islow" does: planes are
// equal to libjpeg's. With Options.Scale a photo comes out at half, a quarter or an
// eighth of its size: each sample is the mean of those that it stands for, computed from
// the coefficients, and planes are again equal to those of libjpeg-turbo at that scale.
// They have the same bits on every machine, whatever its instructions. At an eighth
// the AC coefficients of components that are not subsampled are passed by (skip.go): they
// must be there, but are not decoded.
//
// A file is complete or an error: data that ends early, a code that does not
// exist, coefficients beyond a block, scans that are missing. The exception is
// what restart markers are for: where they all are in place, damage between two
// of them stays there, the rest of that interval is grey, and Image.Damaged
// counts it.
package jpeg
