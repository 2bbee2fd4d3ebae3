from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn
from torchvision.models import SqueezeNet1_1_Weights

from tests.support.bombs import Bomb
from trainables.backbones import networks
from trainables.backbones.networks import Backbone
from trainables.errors import BackboneError

SMALL = "shufflenet_v2_x0_5"
NAMED = SqueezeNet1_1_Weights.IMAGENET1K_V1  # its own default
IMAGENET_FILE = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "mobilenet_v2-imagenet.pth"
# One of each kind of last layer, with the D that torchvision's documentation or the paper gives.
FAMILIES = {
    "resnet18": ("fc", 512),
    "mobilenet_v2": ("classifier.1", 1280),
    "mobilenet_v3_small": ("classifier.3", 1024),
    "shufflenet_v2_x0_5": ("fc", 1024),
    "squeezenet1_1": ("classifier.1", 512),
    "densenet121": ("classifier", 1024),
    "convnext_tiny": ("classifier.2", 768),
    "swin_t": ("head", 768),
    "googlenet": ("fc", 1024),
    "inception_v3": ("fc", 2048),
    "alexnet": ("classifier.6", 4096),
    "vit_b_16": ("heads.head", 768),
}


def random_weights(model: str) -> Backbone:
    return Backbone(model=model, weights=None)


def save(path: Path, model: str = SMALL, classes: int = 1000) -> dict[str, torch.Tensor]:
    """Write the state dict of a small network as the suffix of the path demands."""
    state = torchvision.models.get_model(model, num_classes=classes).state_dict()
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return state


def parameters(network: nn.Module) -> torch.Tensor:
    return torch.cat([tensor.flatten().double() for tensor in network.state_dict().values()])


def old_densenet_name(name: str) -> str:
    """What torchvision's files call the tensor: `denselayer1.norm.1.weight` for `denselayer1.norm1.weight`."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", name)


@dataclass(frozen=True)
class Server:
    folder: Path
    url: str


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An HTTP server on this machine with a folder to put weights in, and an empty cache of downloads."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Server(folder, f"http://127.0.0.1:{http.server_port}")
        http.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def message(error: pytest.ExceptionInfo[BackboneError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert len(text) <= 300, text
    return text


@pytest.mark.slow
class TestForms:
    @pytest.mark.parametrize("model", FAMILIES)
    def test_a_fresh_head_gives_one_logit_per_class_in_training_and_in_eval_mode(self, model):
        network = networks.with_head(random_weights(model), 7, seed=0).to("meta")
        images = torch.empty(2, 3, 224, 224, device="meta")
        assert network.train()(images).shape == (2, 7)
        assert network.eval()(images).shape == (2, 7)

    @pytest.mark.parametrize(("model", "head", "width"), [(m, *facts) for m, facts in FAMILIES.items()])
    def test_the_extractor_gives_pooled_features_of_the_width_it_states(self, model, head, width):
        assert networks.head_name(networks.load(random_weights(model))) == head
        network, stated = networks.as_feature_extractor(random_weights(model))
        features = network.to("meta")(torch.empty(2, 3, 224, 224, device="meta"))
        assert features.shape == (2, stated) == (2, width)
        assert not network.training

    @pytest.mark.parametrize("model", [SMALL, "mobilenet_v3_small"])
    def test_the_last_layer_on_the_extracted_features_gives_the_networks_own_logits(self, model):
        network = networks.load(random_weights(model)).eval()
        extractor, _ = networks.as_feature_extractor(random_weights(model))
        images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        head = network.get_submodule(networks.head_name(network))
        with torch.no_grad():
            torch.testing.assert_close(head(extractor(images)), network(images))


class TestSeeds:
    @settings(max_examples=5, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), surroundings=st.integers(0, 2**32 - 1))
    def test_a_fresh_head_depends_on_its_seed_alone(self, seed, surroundings):
        first = parameters(networks.with_head(random_weights("squeezenet1_1"), 3, seed=seed))
        with torch.random.fork_rng():
            torch.manual_seed(surroundings)
            again = parameters(networks.with_head(random_weights("squeezenet1_1"), 3, seed=seed))
        assert torch.equal(first, again)

    @pytest.mark.parametrize("weights", [None, "bundled"])
    def test_another_seed_gives_another_head(self, weights):
        backbone = Backbone(model=SMALL, weights=weights)
        first, second = (networks.with_head(backbone, 3, seed=seed).get_parameter("fc.weight") for seed in (0, 1))
        assert not torch.equal(first, second)

    def test_building_networks_leaves_the_global_random_state_alone(self, tmp_path):
        save(tmp_path / "net.pth", classes=5)
        before = torch.get_rng_state()
        networks.with_head(random_weights(SMALL), 3, seed=1)
        networks.as_feature_extractor(Backbone(model=SMALL, weights=str(tmp_path / "net.pth")))
        assert torch.equal(torch.get_rng_state(), before)

    def test_the_seed_of_a_head_does_not_touch_loaded_weights(self):
        backbone = Backbone(model=SMALL, weights="bundled")
        first, second = (networks.with_head(backbone, 3, seed=seed).get_parameter("conv5.0.weight") for seed in (0, 1))
        assert torch.equal(first, second)


class TestFiles:
    @pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
    @pytest.mark.parametrize("classes", [1000, 5])
    def test_a_file_loads_with_its_own_number_of_classes(self, tmp_path, suffix, classes):
        path = tmp_path / f"net{suffix}"
        state = save(path, classes=classes)
        network = networks.load(Backbone(model=SMALL, weights=str(path)))
        assert network.get_submodule("fc").out_features == classes
        assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())

    def test_a_file_of_a_network_that_ends_in_a_convolution_loads(self, tmp_path):
        save(tmp_path / "net.pth", "squeezenet1_1", classes=5)
        network = networks.load(Backbone(model="squeezenet1_1", weights=str(tmp_path / "net.pth")))
        assert network(torch.rand(2, 3, 64, 64)).shape == (2, 5)

    def test_auxiliary_heads_in_a_file_are_left_out(self, tmp_path):
        with_heads = torchvision.models.googlenet(aux_logits=True, init_weights=False, num_classes=5)
        torch.save(with_heads.state_dict(), tmp_path / "net.pth")
        network = networks.load(Backbone(model="googlenet", weights=str(tmp_path / "net.pth")))
        assert network.train()(torch.rand(2, 3, 64, 64)).shape == (2, 5)

    def test_old_densenet_files_load_under_the_names_of_today(self, tmp_path):
        state = torchvision.models.densenet121(num_classes=2).state_dict()
        old = {
            old_densenet_name(name): tensor
            for name, tensor in state.items()
            if not name.endswith("num_batches_tracked")
        }
        assert old.keys() - state.keys()
        torch.save(old, tmp_path / "old.pth")
        loaded = networks.load(Backbone(model="densenet121", weights=str(tmp_path / "old.pth")))
        torch.testing.assert_close(dict(loaded.state_dict()), dict(state))

    def test_a_home_directory_in_the_path_is_expanded(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        save(tmp_path / "net.pth", classes=5)
        assert networks.load(Backbone(model=SMALL, weights="~/net.pth")).get_submodule("fc").out_features == 5

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(BackboneError, match="no such weights file; check the path") as error:
            networks.load(Backbone(model=SMALL, weights=str(tmp_path / "none.pth")))
        assert "none.pth" in message(error)

    def test_a_folder_is_no_weights_file(self, tmp_path):
        (tmp_path / "folder.pth").mkdir()
        with pytest.raises(BackboneError, match="cannot be read"):
            networks.load(Backbone(model=SMALL, weights=str(tmp_path / "folder.pth")))

    @pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
    @pytest.mark.parametrize("content", [b"", b"no weights at all", bytes(200)])
    def test_a_damaged_file_is_refused(self, tmp_path, suffix, content):
        path = tmp_path / f"net{suffix}"
        path.write_bytes(content)
        with pytest.raises(BackboneError, match="not a weights file") as error:
            networks.load(Backbone(model=SMALL, weights=str(path)))
        assert message(error)

    @pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
    def test_a_truncated_file_is_refused(self, tmp_path, suffix):
        path = tmp_path / f"net{suffix}"
        save(path)
        path.write_bytes(path.read_bytes()[:10_000])
        with pytest.raises(BackboneError, match="not a weights file"):
            networks.load(Backbone(model=SMALL, weights=str(path)))

    def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(self, tmp_path):
        torch.save(Bomb(tmp_path / "sprung"), tmp_path / "trap.pth")
        with pytest.raises(BackboneError, match="not a weights file") as error:
            networks.load(Backbone(model=SMALL, weights=str(tmp_path / "trap.pth")))
        assert message(error)
        assert not (tmp_path / "sprung").exists()

    @pytest.mark.parametrize("content", [[1, 2], {"epoch": 3, "state_dict": {}}])
    def test_a_checkpoint_that_is_no_state_dict_is_told_how_to_become_one(self, tmp_path, content):
        torch.save(content, tmp_path / "net.pth")
        with pytest.raises(BackboneError, match=r"not a state dict; save the network with torch.save"):
            networks.load(Backbone(model=SMALL, weights=str(tmp_path / "net.pth")))

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            (lambda state: state.pop("conv5.0.weight"), "conv5.0.weight is missing"),
            (lambda state: state.update(extra=torch.zeros(1)), "extra is not in that network"),
            (
                lambda state: state.update({"conv1.0.weight": torch.zeros(24, 1, 3, 3)}),
                "conv1.0.weight has the shape (24, 1, 3, 3) instead of (24, 3, 3, 3)",
            ),
            (lambda state: state.update({"fc.weight": torch.zeros(5, 9)}), "fc.weight has the shape (5, 9) instead"),
        ],
    )
    def test_the_first_tensor_that_does_not_fit_is_named(self, tmp_path, change, named):
        state = save(tmp_path / "net.pth")
        change(state)
        torch.save(state, tmp_path / "net.pth")
        with pytest.raises(BackboneError) as error:
            networks.load(Backbone(model=SMALL, weights=str(tmp_path / "net.pth")))
        assert named in message(error)

    @pytest.mark.skipif(not IMAGENET_FILE.exists(), reason="the ImageNet weights of the development data are not here")
    def test_a_networks_real_imagenet_weights_load_and_give_finite_features(self):
        network, width = networks.as_feature_extractor(Backbone(model="mobilenet_v2", weights=str(IMAGENET_FILE)))
        with torch.no_grad():
            features = network(torch.zeros(1, 3, 120, 400))
        assert features.shape == (1, width)
        assert features.isfinite().all()
        assert features.count_nonzero() > 100


class TestNames:
    def test_an_unknown_model_gets_suggestions(self):
        with pytest.raises(BackboneError, match=r"not a torchvision classification model; did you mean .*resnet50"):
            networks.load(random_weights("resnet_50"))

    @pytest.mark.parametrize("model", ["fasterrcnn_resnet50_fpn", "raft_large", "r3d_18", "zzz"])
    def test_a_model_for_another_task_is_unknown(self, model):
        with pytest.raises(BackboneError, match="not a torchvision classification model"):
            networks.load(random_weights(model))

    @pytest.mark.parametrize("use", [networks.load, networks.content_key, networks.normalise])
    def test_an_unknown_name_of_weights_gets_the_list_of_those_there_are(self, use):
        with pytest.raises(BackboneError, match="choose one of IMAGENET1K_V1, IMAGENET1K_V2, DEFAULT") as error:
            use(Backbone(model="resnet50", weights="IMAGENET"))
        assert message(error)

    def test_named_weights_are_downloaded_once_and_loaded(self, server, monkeypatch):
        state = save(server.folder / "net.pth", "squeezenet1_1")
        monkeypatch.setattr(NAMED.value, "url", f"{server.url}/net.pth")
        backbone = Backbone(model="squeezenet1_1", weights="DEFAULT")
        networks.load(backbone)
        (server.folder / "net.pth").unlink()
        again = networks.load(backbone)
        assert torch.equal(again.get_parameter("classifier.1.weight"), state["classifier.1.weight"])

    def test_what_is_in_the_place_of_downloads_is_read_as_data_before_a_builder_unpickles_it(self, server, monkeypatch):
        monkeypatch.setattr(NAMED.value, "url", f"{server.url}/net.pth")
        place = Path(torch.hub.get_dir(), "checkpoints")
        place.mkdir(parents=True)
        torch.save(Bomb(place / "sprung"), place / "net.pth")
        with pytest.raises(BackboneError, match=r"net.pth: not a weights file") as error:
            networks.load(Backbone(model="squeezenet1_1", weights="DEFAULT"))
        assert message(error)
        assert not (place / "sprung").exists()

    def test_a_download_removes_what_killed_ones_left_of_the_same_file(self, server, monkeypatch):
        save(server.folder / "net.pth", "squeezenet1_1")
        monkeypatch.setattr(NAMED.value, "url", f"{server.url}/net.pth")
        place = Path(torch.hub.get_dir(), "checkpoints")
        place.mkdir(parents=True)
        for name in ("net.pth.old.partial", "net.pth.new.partial", "other.pth.old.partial"):
            (place / name).write_bytes(b"half")
            if "old" in name:
                os.utime(place / name, (1e9, 1e9))
        networks.load(Backbone(model="squeezenet1_1", weights="DEFAULT"))
        assert {path.name for path in place.iterdir()} == {"net.pth", "net.pth.new.partial", "other.pth.old.partial"}

    @pytest.mark.parametrize("fault", ["no such file", "other content"])
    def test_a_failed_download_says_so_and_offers_the_way_by_a_file(self, server, monkeypatch, fault):
        if fault == "other content":  # torch checks the eight digits in the name against the file's SHA-256
            save(server.folder / "net-00000000.pth", "squeezenet1_1")
        monkeypatch.setattr(NAMED.value, "url", f"{server.url}/net-00000000.pth")
        with pytest.raises(BackboneError, match=r"download .* failed .*give its path as weights") as error:
            networks.load(Backbone(model="squeezenet1_1", weights="IMAGENET1K_V1"))
        assert message(error)

    def test_a_download_without_a_network_ends_in_one_line(self, monkeypatch, tmp_path):
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]  # nobody listens there once it is closed
        monkeypatch.setattr(NAMED.value, "url", f"http://127.0.0.1:{port}/net.pth")
        with pytest.raises(BackboneError, match=r"download .* failed \(.*refused") as error:
            networks.load(Backbone(model="squeezenet1_1", weights="IMAGENET1K_V1"))
        assert message(error)


class TestConfiguration:
    def test_a_backbone_without_weights_is_a_random_one(self):
        assert Backbone(model=SMALL) == random_weights(SMALL)


class TestStatistics:
    def test_files_and_random_weights_expect_imagenets_statistics(self, tmp_path):
        save(tmp_path / "net.safetensors")
        for weights in (None, str(tmp_path / "net.safetensors"), "elsewhere.pth"):
            mean, std = networks.normalise(Backbone(model=SMALL, weights=weights))
            # docs.pytorch.org/vision/stable/models.html: the transforms of almost all weights
            assert (mean, std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    def test_named_weights_expect_what_torchvision_says(self):
        usual = networks.normalise(Backbone(model="resnet18", weights="DEFAULT"))
        assert usual == (networks.IMAGENET_MEAN, networks.IMAGENET_STD)
        # The largest EfficientNetV2 was trained on pixels in [-1, 1].
        unusual = networks.normalise(Backbone(model="efficientnet_v2_l", weights="IMAGENET1K_V1"))
        assert unusual == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

    def test_a_safetensors_file_may_state_its_own(self, tmp_path):
        facts = {"mean": "[0.1, 0.2, 0.3]", "std": "[0.4, 0.5, 0.6]"}
        save_file(torchvision.models.get_model(SMALL).state_dict(), tmp_path / "net.safetensors", metadata=facts)
        stated = networks.normalise(Backbone(model=SMALL, weights=str(tmp_path / "net.safetensors")))
        assert stated == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))

    @pytest.mark.parametrize("std", ["[0, 0, 0]", "[0.4, 0.5, 0.0]", "[0.4, -0.5, 0.6]", "[1e-40, 1, 1]"])
    def test_pixels_are_not_divided_by_nothing(self, tmp_path, std):
        path = tmp_path / "net.safetensors"
        save_file(torchvision.models.get_model(SMALL).state_dict(), path, metadata={"mean": "[0, 0, 0]", "std": std})
        for use in (networks.normalise, lambda backbone: networks.check_image_size(backbone, (32, 32))):
            with pytest.raises(BackboneError) as error:
                use(Backbone(model=SMALL, weights=str(path)))
            assert f"its metadata give std as {std!r}, and pixels are divided by it" in message(error)

    @pytest.mark.parametrize("stated", ["0.5", "[0.5]", "[0.1, 0.2, NaN]", "imagenet", '{"red": 1}', ""])
    @pytest.mark.parametrize("key", ["mean", "std"])
    def test_metadata_that_are_not_three_numbers_are_named(self, tmp_path, key, stated):
        path = tmp_path / "net.safetensors"
        facts = {"mean": "[0.1, 0.2, 0.3]", "std": "[0.4, 0.5, 0.6]"}
        save_file({"weight": torch.zeros(1)}, path, metadata=facts | {key: stated})
        with pytest.raises(BackboneError) as error:
            networks.normalise(Backbone(model=SMALL, weights=str(path)))
        example = "[0.229, 0.224, 0.225]" if key == "std" else "[0.485, 0.456, 0.406]"
        expected = f"{path}: its metadata give {key} as {stated!r}; give three numbers, such as {example}"
        assert message(error) == expected


class TestKeys:
    def test_keys_differ_between_models_and_between_weights(self, tmp_path):
        save(tmp_path / "net.pth", classes=3)
        weights = (None, "bundled", "IMAGENET1K_V1", str(tmp_path / "net.pth"))
        chosen = [Backbone(model=model, weights=w) for model in (SMALL, "shufflenet_v2_x1_0") for w in weights]
        assert len({networks.content_key(backbone) for backbone in chosen}) == len(chosen)

    def test_a_key_follows_the_content_of_a_file_not_its_name(self, tmp_path):
        save(tmp_path / "a.pth", classes=3)
        (tmp_path / "b.pth").write_bytes((tmp_path / "a.pth").read_bytes())
        first, copy = (
            networks.content_key(Backbone(model=SMALL, weights=str(tmp_path / n))) for n in ("a.pth", "b.pth")
        )
        assert first == copy
        save(tmp_path / "a.pth", classes=3)
        assert networks.content_key(Backbone(model=SMALL, weights=str(tmp_path / "a.pth"))) != first

    def test_default_has_the_key_of_the_weights_it_stands_for(self):
        keys = {networks.content_key(Backbone(model="resnet50", weights=w)) for w in ("DEFAULT", "IMAGENET1K_V2")}
        assert len(keys) == 1

    def test_the_key_of_a_missing_file_is_an_error(self):
        with pytest.raises(BackboneError, match="no such weights file"):
            networks.content_key(Backbone(model=SMALL, weights="none.pth"))


@pytest.mark.slow
class TestImageSizes:
    @pytest.mark.parametrize("model", [SMALL, "mobilenet_v2", "resnet18", "densenet121"])
    def test_small_images_suit_a_network_that_pools_over_whatever_is_left(self, model):
        networks.check_image_size(random_weights(model), (32, 32))

    @pytest.mark.parametrize(
        ("model", "works"), [("vit_b_16", 224), ("inception_v3", 128), ("alexnet", 64), ("maxvit_t", 224)]
    )
    def test_too_small_an_image_is_refused_with_a_size_that_works(self, model, works):
        with pytest.raises(BackboneError, match=f"cannot take images of 32 x 48 .*; image_size .{works}, ") as error:
            networks.check_image_size(random_weights(model), (32, 48))
        assert message(error)
        networks.check_image_size(random_weights(model), (works, works))


class TestBundle:
    def test_the_bundled_network_recognises_a_rendered_digit(self):
        """A plain seven, drawn by hand here so that the test does not lean on the code that trained the network."""
        image = torch.zeros(32, 32)
        image[3:7, 7:25] = 1
        for row in range(7, 29):
            left = 21 - (row - 7) // 2
            image[row, left : left + 4] = 1
        backbone = Backbone(model=SMALL, weights="bundled")
        mean, std = (torch.tensor(s)[:, None, None] for s in networks.normalise(backbone))
        with torch.no_grad():
            logits = networks.load(backbone).eval()(((image - mean) / std)[None])
        assert logits.argmax(1).item() == 7

    def test_the_bundled_weights_under_another_model_name_their_own(self):
        with pytest.raises(BackboneError, match=f"the bundled weights: not those of resnet18 .*set model to {SMALL}"):
            networks.load(Backbone(model="resnet18", weights="bundled"))

    def test_the_bundle_stays_small(self):
        assert networks.BUNDLED_FILE.stat().st_size < 6e6
