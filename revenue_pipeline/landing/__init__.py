"""What arrived, byte for byte, in one commit-ordered log."""
