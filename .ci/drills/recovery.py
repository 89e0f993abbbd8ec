def main(argv):
    return 1
