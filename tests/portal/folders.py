"""Folders for services that may have to run as another user."""


def enterable(folder):
    """Let everybody pass through pytest's private folders: PostgreSQL may run as `nobody`."""
    for one in (folder, folder.parent, folder.parent.parent):
        one.chmod(0o711)
    return folder
