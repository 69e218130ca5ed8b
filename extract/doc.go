// Package extract turns photos into bottlenecks: the values that a trained network
// computes just before its last layer, which names what is on the photo. They describe
// a photo well enough to train a classifier for other things on them alone. The word is
// that of TensorFlow's retrain example (transfer learning with Inception-v3).
//
// # Networks
//
// A Network is an ONNX model up to its bottleneck (the tap) together with the
// photo.Preprocess that it was trained with. Default is the embedded one, OpenNetwork
// reads others. Its Info.ID follows from everything that decides what a vector is, so
// vectors with the same id can be compared and others must not be. An Extractor
// runs photos through a network, one at a time; make one for each goroutine.
// A vector depends on the bytes of the photo's file and on the network only: bit for bit
// if the network computes with 8-bit numbers, as Default does; in float the last bits may
// differ on processors with other instructions.
//
// # Networks of one's own
//
// OpenModel reads any ONNX image classifier with the files beside it that hold its
// weights. ModelFile.Inspect describes it, ModelFile.Network makes it ready. The tap is
// found automatically: it is the input of the layer that computes the class scores. The
// input's layout and size are those that the model declares.
//
// How photos are prepared cannot be seen in a network, and a wrong guess costs accuracy
// without an error. So it is never guessed. These sources are asked in this order, each
// for what those before it left open:
//
//  1. the caller, by the Manifest given to Network;
//  2. a manifest beside the model: net.json beside net.onnx;
//  3. the model's own metadata, under the keys featstore.preprocess, featstore.tap,
//     featstore.pool and featstore.layout, with values as Manifest.SetAll takes them; or
//     as Windows ML and ML.NET (Image.NominalPixelRange), Ultralytics' classifiers,
//     timm (pretrained_cfg) and OpenVINO's Model API write it;
//  4. featstore's list of known networks, by the SHA-256 of the file;
//  5. preprocessor_config.json, or config.json with a pretrained_cfg, as they lie beside
//     networks on Hugging Face's hub.
//
// If none says it, the error is a PreprocessError. It names the presets that suit the
// network's family, and why. Network.Origin tells which source was used.
//
// A manifest is a JSON object like this one. Every field may be left out. A preset
// stands for all fields of preprocess but the size; fields given with it override it.
//
//	{
//	  "name": "my network",
//	  "sha256": "…",                       the file that it is for
//	  "tap": "features",                   tensor to take as the bottleneck
//	  "pool": "avg",                       of a feature map: avg, max or none
//	  "layout": "nchw",                    where the model leaves it open: nchw or nhwc
//	  "dim": 2048,                         features, to be checked
//	  "preprocess": {
//	    "preset": "imagenet",              imagenet, inception, lite, caffe, clip, unit or raw
//	    "width": 224, "height": 224,
//	    "resize": "shorter-side",          or center-square, squash
//	    "side": 256,                       of shorter-side; or "crop": 0.875 of it
//	    "filter": "bilinear",              or bicubic, tf-bilinear
//	    "antialias": true,
//	    "mean": [123.675, 116.28, 103.53], of pixels 0…255, in the order of channels;
//	    "std": [58.395, 57.12, 57.375],    one number stands for three
//	    "order": "rgb"                     or bgr
//	  }
//	}
//
// # Photos
//
// Package extract/photo decodes and prepares photos: bytes in, the network's input
// out. Errors that are a photo's fault are its ErrUnsupportedFormat, ErrTooLarge and
// ErrCorrupt.
package extract
