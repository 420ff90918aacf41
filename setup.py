"""What pyproject.toml cannot say: the question banks are installed inside of the package."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["vgplib*"]), "vgplib.quizzes"],
    package_dir={"vgplib.quizzes": "quizzes"},
)
