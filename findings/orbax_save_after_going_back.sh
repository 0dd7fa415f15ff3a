#!/usr/bin/env bash
# orbax-checkpoint 0.12.8: CheckpointManager.save does nothing for a step that isn't newer than the newest one kept, and says so only by
# returning False. Steps 10 and 20 are kept; you restore 10, train on with another learning rate, and save 15, then 20 again: False, False,
# no warning, and restoring 20 gives the old weights. For the step that exists the documentation promises a ValueError. With force=True step
# 15 is kept and, being the last saved, becomes the "latest"; step 20 then raises StepAlreadyExistsError. What helps: delete(20) before
# you train on, or another folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import logging
import pathlib
import tempfile
import warnings

import numpy as np
import orbax.checkpoint as ocp

said = []
warnings.showwarning = lambda message, *rest: said.append(str(message))
handler = logging.Handler(logging.WARNING)
handler.emit = lambda record: said.append(record.getMessage())
with tempfile.TemporaryDirectory() as folder, ocp.CheckpointManager(pathlib.Path(folder, "run")) as manager:
    save = lambda step, weight: manager.save(step, args=ocp.args.StandardSave({"weights": np.full(3, weight)}))
    first = [save(10, 10.0), save(20, 20.0)]
    manager.wait_until_finished()
    manager.restore(10, args=ocp.args.StandardRestore())
    logging.getLogger().addHandler(handler)
    again = [save(15, -1.0), save(20, -1.0)]
    manager.wait_until_finished()
    logging.getLogger().removeHandler(handler)
    kept, weight = list(manager.all_steps()), manager.restore(20, args=ocp.args.StandardRestore())["weights"][0]
print(f"orbax-checkpoint {ocp.__version__}: saved {first}, after going back {again}; warnings {said}; kept {kept}, weights of step 20: {weight}")
assert (first, again, said, kept, weight) == ([True, True], [False, False], [], [10, 20], 20.0), "saving after going back is another thing now"
PY
