// Package modelfile reads an ONNX model and the files beside it, and decides how the
// model is used.
//
// # Model
//
// A File is the model's graph and a list of sources: what the model itself and the files
// beside it (its sidecars) say of it. A source takes the form of a Manifest, every field
// of which may be missing. In order of precedence they are
//
//  1. the request: what the caller asks for;
//  2. the manifest beside the model, net.json beside net.onnx;
//  3. the model's metadata, by featstore's keys and by the conventions of others;
//  4. the list of networks that are known by their digest;
//  5. preprocessor_config.json and config.json, as on Hugging Face's hub.
//
// File.Decide makes a Decision of them: the tensor to take as the bottleneck (the tap),
// the part of the graph up to it, and the one input that photos go into, with its
// layout. Decision.Prepare adds how photos are prepared and how large they are. Both
// note why.
//
// # Promises
//
// The preparation of photos cannot be seen in a network and is never guessed: if no
// source says it, the error is a PreprocessError with Suggestions to choose from.
//
// The model's file is read and scanned once, its sidecars once; weights in files of
// their own are read once for their values and once for their digest. All of them are
// regular files of bounded size: nothing waits, and a hostile model cannot have files
// read outside its folder.
//
// Nothing is compiled or run here.
package modelfile
