"""A separate process of the contract test, which runs models that it did not build.

Started as `worker.py zoo` it may import the zoo (under whatever KERAS_BACKEND says) and reloads
`.keras` files; as `worker.py bare` every import of the project is refused, as on a machine where
it is not installed, and it runs exported files. It reads one JSON request per line and replies to
each with one line: `{"ok": true}` or `{"error": …}`.
"""

import json
import sys
import traceback

import numpy as np


class _Refuse:
    """Refuses to import the project, whatever `sys.path` contains."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("zoo", "training", "export", "zoo_cli"):
            raise ModuleNotFoundError(f"{name} cannot be imported in this process")
        return None


def run_keras(path, inputs):
    import keras

    import zoo  # noqa: F401  (registers the model class; no custom_objects are passed)

    model = keras.saving.load_model(path)
    images = keras.ops.convert_to_tensor(inputs["images"])
    if "proposals" in inputs:
        proposals = keras.ops.convert_to_tensor(inputs["proposals"])
        images = {"image": images, "proposals": proposals}
    if keras.backend.backend() != "jax":
        return model(images, training=False)
    import jax

    trainable = [variable.value for variable in model.trainable_variables]
    rest = [variable.value for variable in model.non_trainable_variables]
    # Compiled as a whole: operator by operator takes JAX many times as long.
    run = jax.jit(lambda x: model.stateless_call(trainable, rest, x, training=False)[0])
    return run(images)


def run_saved_model(path, inputs):
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    if "encoded" in inputs:
        inputs["encoded"] = [bytes(inputs["encoded"])]
    serve = loaded.signatures["serve_bytes" if "encoded" in inputs else "serving_default"]
    return serve(**{key: tf.constant(value) for key, value in inputs.items()})


def run_litert(path, inputs):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path)
    details = interpreter.get_signature_runner("serving_default").get_input_details()
    for key, value in inputs.items():
        interpreter.resize_tensor_input(details[key]["index"], value.shape)
    interpreter.allocate_tensors()
    return interpreter.get_signature_runner("serving_default")(**inputs)


def run_onnx(path, inputs):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def _plain(value):
    """As an array; strings as bytes of fixed length, which need no pickle."""
    value = np.asarray(value)
    return value.astype("S") if value.dtype == object else value


def main(mode: str) -> None:
    if mode == "bare":
        sys.meta_path.insert(0, _Refuse())
    runs = {
        "keras": run_keras,
        "saved_model": run_saved_model,
        "litert": run_litert,
        "onnx": run_onnx,
    }
    replies = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        try:
            with np.load(request["inputs"]) as file:
                inputs = dict(file)
            outputs = runs[request["kind"]](request["path"], inputs)
            np.savez(request["outputs"], **{k: _plain(v) for k, v in outputs.items()})
            reply = {"ok": True}
        except Exception:
            reply = {"error": traceback.format_exc()}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
