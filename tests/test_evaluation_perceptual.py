"""LPIPS, I3D and the Fréchet distance, with weights made up on the spot."""

import numpy as np
import pytest

from tracker.evaluation import perceptual
from tracker.evaluation.perceptual import Perception, frechet_distance
from tracker.types import UserError

torch = pytest.importorskip("torch")

from tracker.evaluation.i3d import I3D, _pad  # noqa: E402
from tracker.evaluation.lpips import Lpips, load_lpips  # noqa: E402


def alexnet_and_linear(seed=0):
    torch.manual_seed(seed)
    alexnet = {f"features.{k}": v for k, v in Lpips().features.state_dict().items()}
    sizes = (64, 192, 384, 256, 256)
    linear = {f"lin{k}.model.1.weight": torch.rand(1, c, 1, 1) for k, c in enumerate(sizes)}
    return alexnet | {"classifier.6.weight": torch.zeros(2, 2)}, linear


def test_lpips_is_zero_for_equal_pictures_symmetric_and_grows():
    network = load_lpips(*alexnet_and_linear())
    torch.manual_seed(1)
    picture = torch.rand(1, 3, 64, 64) * 2 - 1
    near, far = picture + 0.05 * torch.randn(1, 3, 64, 64), torch.rand(1, 3, 64, 64) * 2 - 1

    with torch.inference_mode():
        assert network(picture, picture).item() == 0
        assert network(picture, near).item() == pytest.approx(network(near, picture).item())
        assert network(picture, far).item() > 3 * network(picture, near).item() > 0


def test_lpips_is_the_weighted_distance_of_unit_features():
    alexnet, linear = alexnet_and_linear()
    network = load_lpips(alexnet, linear)
    torch.manual_seed(2)
    a, b = torch.rand(1, 3, 80, 70) * 2 - 1, torch.rand(1, 3, 80, 70) * 2 - 1

    features = pytest.importorskip("torchvision").models.alexnet().features
    state = {k.removeprefix("features."): v for k, v in alexnet.items() if k[:8] == "features"}
    features.load_state_dict(state)
    mean, deviation = torch.tensor([-0.03, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.45])
    x, y = ((p - mean.view(3, 1, 1)) / deviation.view(3, 1, 1) for p in (a, b))
    expected, tap = 0.0, 0
    with torch.inference_mode():
        for layer in features[:12]:
            x, y = layer(x.clone()), layer(y.clone())
            if isinstance(layer, torch.nn.ReLU):
                gap = (x / x.norm(dim=1, keepdim=True) - y / y.norm(dim=1, keepdim=True)) ** 2
                expected += (linear[f"lin{tap}.model.1.weight"] * gap).sum(1).mean().item()
                tap += 1

        assert tap == 5
        assert network(a, b).item() == pytest.approx(expected, rel=1e-4)


def test_a_file_without_the_parameters_is_named():
    alexnet, linear = alexnet_and_linear()
    del linear["lin3.model.1.weight"]

    with pytest.raises(ValueError, match=r"no parameter for linear\.3"):
        load_lpips(alexnet, linear)


def test_i3d_has_the_published_parameters_and_shapes():
    network = I3D().eval()

    assert sum(parameter.numel() for parameter in network.parameters()) == 12_697_264
    keys = set(network.state_dict())
    assert {"Conv3d_1a_7x7.conv3d.weight", "Mixed_5c.b2b.bn.running_var"} <= keys
    assert {"logits.conv3d.weight", "logits.conv3d.bias"} <= keys
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 9, 193, 193)).shape == (1, 400)


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "before", "after"),
    [(8, 3, 2, 0, 1), (9, 3, 2, 1, 1), (8, 7, 2, 2, 3), (9, 7, 2, 3, 3), (5, 1, 1, 0, 0)],
)
def test_padding_is_that_of_tensorflow(length, kernel, stride, before, after):
    padded = _pad(torch.ones(1, 1, length, 1, 1), (kernel, 1, 1), (stride, 1, 1))[0, 0, :, 0, 0]

    assert padded.tolist() == [0] * before + [1] * length + [0] * after
    assert (len(padded) - kernel) // stride + 1 == -(-length // stride)


def test_frechet_distance_agrees_with_scipy():
    linalg = pytest.importorskip("scipy.linalg")
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(50, 6)), rng.normal(1, 2, size=(60, 6)) @ rng.normal(size=(6, 6))

    one, other = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(one @ other).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(one + other - 2 * root)

    assert frechet_distance(a, b) == pytest.approx(expected)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_bears_fewer_clips_than_logits():
    a = np.random.default_rng(0).normal(size=(5, 40))

    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, a + 1) == pytest.approx(40)
    assert frechet_distance(a[:1], a[:1] + 2) == pytest.approx(160)


def test_what_is_on_disk_is_used_and_what_is_not_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("CLEANPLATE_CKPT", str(tmp_path))
    nobody = Perception.find("cpu")
    torch.manual_seed(0)
    torch.save(I3D().state_dict(), tmp_path / "i3d_rgb_imagenet.pt")
    alexnet, linear = alexnet_and_linear()
    alexnet["classifier.1.weight"] = torch.zeros(61_100_840)  # the rest of a whole AlexNet
    torch.save(alexnet, tmp_path / "alexnet-owt-7be5be79.pth")
    torch.save(linear, tmp_path / "lpips_alex_v0.1.pth")

    somebody = Perception.find("cpu")

    assert nobody.lpips is nobody.i3d is None
    assert len(nobody.notes) == 2
    assert somebody.notes == ()
    frames = np.random.default_rng(0).integers(0, 256, (9, 193, 193, 3)).astype(np.uint8)
    watcher = somebody.watch_clip()
    distances = [watcher.see(frame, frame // 2) for frame in frames]
    of_result, of_truth = watcher.features()
    assert min(distances) > 0
    assert of_result.shape == of_truth.shape == (400,)
    assert np.abs(of_result - of_truth).max() > 0
    short = somebody.watch_clip()
    short.see(frames[0], frames[0])
    with pytest.raises(UserError, match=r"at least 9 frames and 193 pixels a side; this one has 1"):
        short.features()


def test_foreign_weights_are_refused(monkeypatch):
    monkeypatch.setattr(perceptual.checkpoints, "load", lambda name: {"a": torch.zeros(1)})

    with pytest.raises(UserError, match="do not fit the network of LPIPS"):
        perceptual._load_lpips()
    with pytest.raises(UserError, match="does not fit I3D"):
        perceptual._load_i3d()
