"""The data sets by name, and where their files are published."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from workers.data.cifar10 import cifar10
from workers.data.curves_like import curves_like
from workers.data.dataset import DataSet
from workers.data.faces_like import faces_like
from workers.data.idx import FILES, digits_like
from workers.data.matlab import curves, faces
from workers.data.mnist_5k import mnist_5k
from workers.data.python_text import python_text
from workers.data.source import Checksum, Source, sha256

_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_MNIST = (
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
)
_FASHION_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)
_FASHION = (
    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
)
_TORONTO = "https://www.cs.toronto.edu/"


def built_in() -> Mapping[str, DataSet]:
    """The data sets by name."""
    sets = (
        digits_like(
            "mnist",
            "MNIST: handwritten digits",
            _idx_files("mnist", _MNIST_MIRRORS, _MNIST),
            train=60_000,
            test=10_000,
            side=28,
        ),
        digits_like(
            "fashion-mnist",
            "Fashion-MNIST: pictures of clothes",
            _idx_files("fashion-mnist", _FASHION_MIRRORS, _FASHION),
            train=60_000,
            test=10_000,
            side=28,
        ),
        cifar10(_cifar_archive()),
        faces(_unsigned("faces/newfaces_rot_single.mat")),
        curves(_unsigned("curves/digs3pts_1.mat")),
        faces_like(_olivetti()),
        curves_like(),
        mnist_5k(),
        python_text(),
    )
    return MappingProxyType({one.name: one for one in sets})


def _idx_files(folder: str, mirrors: Iterable[str], checksums: Iterable[str]) -> tuple[Source, ...]:
    return tuple(
        Source(
            path=f"{folder}/{file}",
            mirrors=tuple(f"{mirror}{file}" for mirror in mirrors),
            checksum=sha256(digits),
        )
        for file, digits in zip(FILES.values(), checksums, strict=True)
    )


def _cifar_archive() -> Source:
    return Source(
        path="cifar10/cifar-10-python.tar.gz",
        mirrors=(f"{_TORONTO}~kriz/cifar-10-python.tar.gz",),
        checksum=Checksum("md5", "c58f30108f718f92721af3b95e74349a"),
    )


def _unsigned(path: str) -> Source:
    """A file of which no checksum is published."""
    return Source(path=path, mirrors=(f"{_TORONTO}~jmartens/{path.rpartition('/')[2]}",))


def _olivetti() -> Source:
    """The pictures as scikit-learn fetches them, or any other copy with the same pixels."""
    return Source(
        path="faces/olivettifaces.mat",
        mirrors=("https://ndownloader.figshare.com/files/5976027",),
        checksum=sha256("b612fb967f2dc77c9c62d3e1266e0c73d5fca46a4b8906c18e454d41af987794"),
        resaved=True,
    )
