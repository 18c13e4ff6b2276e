"""Pure rules of the domain: money, periods, errors. Standard library only, no input or output."""
