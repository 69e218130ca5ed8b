// Package memory lays out what a plan computes on: buffers, the views of them in which
// values lie, and one arena for all buffers.
//
// A [Buffer] holds images of pixels of channels, as float32 or as bytes, with a halo of
// zero pixels around every image as wide as the convolutions that read it pad. A [View]
// is where one value lies: a range of channels of all pixels of a buffer, the whole of it
// under other dimensions, or a part of it with strides of its own. An [Array] is a value
// with its logical axes. [LayOut] gives every buffer an offset in the arena, so that no
// two overlap that are used at the same time.
//
// All sizes and offsets count elements: floats, or bytes in a buffer of bytes. The sizes
// of buffers in the arena count floats.
package memory
